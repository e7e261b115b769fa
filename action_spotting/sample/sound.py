"""The sound of a half: crowd, whistles, kicks, a commentator; everything is synthesised.

A maker of a sound gives mono samples; `soundtrack` lays them over the crowd's noise and the
commentator's voice.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

from action_spotting.sample.script import FPS, HalfScript

RATE = 48_000
"""Samples a second."""

Maker = Callable[[np.random.Generator], np.ndarray]


def soundtrack(script: HalfScript) -> np.ndarray:
    """Mix the sound of a half.

    Returns
    -------
    np.ndarray
        float32 ``(2, samples)`` in (-1, 1), as long as the half: 1920 samples a frame.
    """
    rng = np.random.default_rng([*script.seed, 3])
    samples = script.frames * RATE // FPS
    mix = 0.075 * _crowd_bed(rng, samples)
    mix += (0.1 * _commentator(rng, script, samples)).astype(np.float32)
    for sound in script.sounds:
        start = sound.frame * RATE // FPS
        part = sound.level * MAKERS[sound.kind](rng)[: max(0, samples - start)]
        for channel, side in enumerate((1 - sound.pan, 1 + sound.pan)):
            level = 1.41 * np.sqrt(0.5 * side)
            mix[channel, start : start + len(part)] += (level * part).astype(np.float32)
    return np.tanh(mix)


def _crowd_bed(rng: np.random.Generator, samples: int) -> np.ndarray:
    """The crowd's noise in two bands, swelling slowly; float32 ``(2, samples)``."""
    noise = rng.standard_normal((2, samples), dtype=np.float32)
    low, high = (_band(noise, *band).astype(np.float32) for band in ((150, 700), (700, 2400)))
    levels = rng.normal(0, 0.25, samples // (4 * RATE) + 2)  # one every 4 s
    places = np.arange(len(levels)) * 4 * RATE
    swell = np.interp(np.arange(samples), places, levels).astype(np.float32) + 1.0
    return (3.2 * low * swell + 0.9 * high * swell).astype(np.float32)


def _commentator(rng: np.random.Generator, script: HalfScript, samples: int) -> np.ndarray:
    """A murmur: a buzz through two vowels' bands, in syllables and sentences."""
    rate, count = RATE // 4, samples // 4 + 1
    time = np.arange(count) / rate
    excited, hushed = np.zeros(count), np.zeros(count, dtype=bool)
    for sound in script.sounds:
        since = time - sound.frame / FPS
        if sound.kind in EXCITING:
            excited += EXCITING[sound.kind] * np.exp(-np.clip(since, 0, None) / 2.5) * (since > 0)
        if sound.kind == "hush":
            hushed |= (since > 0) & (since < 0.9)
    excited = np.clip(excited, 0, 1.2)
    pitch = 115 * (1 + 0.6 * excited) * (1 + 0.12 * _tone(0.7, time))
    buzz = 2 * ((np.cumsum(pitch) / rate) % 1.0) - 1
    vowels = np.zeros(count)
    for low, high, period in ((350, 800, 0.23), (900, 1900, 0.31)):
        band = lfilter(*butter(1, (low, high), "band", fs=rate), buzz)
        vowels += band * (0.5 + 0.5 * np.sin(2 * np.pi * time / period + rng.uniform(0, 6)))
    speaking = np.interp(time, *_sentences(rng, count / rate)) * (1 + 1.4 * excited)
    return np.interp(np.arange(samples) / RATE, time, vowels * (speaking * ~hushed))


def _sentences(rng: np.random.Generator, length_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw when the commentator speaks: times in seconds, and his level at them."""
    spans = rng.uniform((1.2, 0.4), (3.5, 1.6), (round(length_s / 2) + 2, 2)).ravel()
    edges = np.concatenate([[0.0], np.cumsum(spans)])
    times = np.stack([edges, edges + 0.05], axis=1).ravel()[1:]
    levels = np.repeat(np.arange(len(edges)) % 2 == 0, 2)[: len(times)].astype(float)
    return times, levels


def _time(length_s: float) -> np.ndarray:
    return np.arange(round(length_s * RATE)) / RATE


def _tone(frequency: float, t: np.ndarray) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * t)


def _phase(frequency: np.ndarray) -> np.ndarray:
    """Give the phase of a tone whose frequency changes, in radians."""
    return 2 * np.pi * np.cumsum(frequency) / RATE


def _edges(t: np.ndarray, attack_s: float, release_s: float) -> np.ndarray:
    """Give the level of a sound that comes and goes along straight lines."""
    return np.clip(np.minimum(t / attack_s, (t[-1] - t) / release_s), 0, 1)


def _band(noise: np.ndarray, low: float, high: float) -> np.ndarray:
    return sosfilt(butter(2, (low, high), "band", fs=RATE, output="sos"), noise)


def _noise(rng: np.random.Generator, length_s: float, low: float, high: float) -> np.ndarray:
    """Noise between two frequencies, with a standard deviation of 1."""
    band = _band(rng.standard_normal(round(length_s * RATE)), low, high)
    return band / (band.std() + 1e-9)


def _whistle(*blasts: tuple[float, float]) -> Maker:
    """Make the maker of a referee's whistle: blasts of (length, pause) in seconds."""

    def make(rng: np.random.Generator) -> np.ndarray:
        base = float(rng.uniform(3450, 3950))
        parts = []
        for length, pause in blasts:
            t = _time(length * float(rng.uniform(0.85, 1.15)))
            phase = _phase(base + 55 * _tone(float(rng.uniform(28, 38)), t))
            pea = 0.75 + 0.25 * _tone(33, t)
            tone = np.sin(phase) + 0.12 * np.sin(2 * phase)
            parts += [0.3 * _edges(t, 0.008, 0.03) * pea * tone, np.zeros(round(pause * RATE))]
        return np.concatenate(parts)

    return make


def _kick(rng: np.random.Generator) -> np.ndarray:
    t = _time(0.16)
    tone = np.sin(_phase(70 + 110 * np.exp(-t / 0.02)))
    click = _noise(rng, 0.16, 900, 5000) * np.exp(-t / 0.006)
    return 0.75 * np.exp(-t / 0.045) * tone + 0.22 * click


def _boards(rng: np.random.Generator) -> np.ndarray:
    """The ball against the boards: a hollow knock that rattles."""
    t = _time(0.5)
    knock = _tone(240, t) + 0.7 * _tone(415, t)
    rattle = _noise(rng, 0.5, 1200, 3000) * (_tone(19, t) > 0.2)
    return 0.3 * knock * np.exp(-t / 0.07) + 0.16 * rattle * np.exp(-t / 0.16)


def _crowd_burst(
    level: float, length_s: float, attack_s: float, band: tuple[float, float], glide: float = 0.0
) -> Maker:
    """Make the maker of a burst of the crowd; `glide` adds a sung vowel that rises or falls."""

    def make(rng: np.random.Generator) -> np.ndarray:
        length = length_s * float(rng.uniform(0.85, 1.2))
        t = _time(length)
        envelope = np.clip(t / attack_s, 0, 1) * np.clip((length - t) / (0.6 * length), 0, 1) ** 1.5
        sound = _noise(rng, length, *band)
        for voice in range(6) if glide else ():
            start = float(rng.uniform(260, 330)) * (1 + voice // 3)
            phase = _phase(start * (1 + glide * t / length))
            sound += 0.35 * np.sin(phase + float(rng.uniform(0, 6)))
        return level * envelope * sound

    return make


def _hiss(level: float, length_s: float, band: tuple[float, float], decay_s: float) -> Maker:
    """Make the maker of noise that dies away: gloves, claps."""
    t = _time(length_s)
    return lambda rng: level * _noise(rng, length_s, *band) * np.exp(-t / decay_s)


def _net(rng: np.random.Generator) -> np.ndarray:
    return _hiss(0.2, 0.3, (3000, 8000), 0.07)(rng) * np.clip(_time(0.3) / 0.01, 0, 1)


def _throw(rng: np.random.Generator) -> np.ndarray:
    """The swish of the throw, and a shout."""
    t = _time(0.35)
    swish = _noise(rng, 0.35, 1500, 6000) * np.exp(-(((t - 0.06) / 0.05) ** 2))
    shout = np.sign(np.sin(_phase(330 - 160 * t))) * np.exp(-t / 0.12)
    return 0.22 * swish + 0.1 * shout


def _chime(rng: np.random.Generator) -> np.ndarray:
    """The ground's public address: two bell tones."""
    t = _time(0.45)
    bells = [_tone(tone, t) + 0.4 * _tone(2 * tone, t) for tone in (784.0, 622.0)]
    return np.concatenate([0.2 * b * np.exp(-t / 0.25) * np.clip(t / 0.005, 0, 1) for b in bells])


def _claps(rng: np.random.Generator) -> np.ndarray:
    """Rhythmic clapping that gets faster."""
    sound = np.zeros(round(1.5 * RATE))
    clap = _hiss(0.35, 0.05, (900, 3500), 0.012)(rng)
    at, gap = 0.0, float(rng.uniform(0.2, 0.26))
    while at < 1.4:
        start = round(at * RATE)
        sound[start : start + len(clap)] += clap
        at, gap = at + gap, gap * 0.94
    return sound


def _boo(rng: np.random.Generator) -> np.ndarray:
    """Booing: many low voices, and whistling through fingers."""
    t = _time(2.2)
    envelope = np.clip(t / 0.08, 0, 1) * np.clip((2.2 - t) / 1.2, 0, 1)
    sound = np.zeros(len(t))
    for tone in rng.uniform(150, 230, 8).tolist():
        sound += np.sin(2 * np.pi * tone * t + 2.0 * np.sin(2 * np.pi * 5 * t + tone))
    fingers = np.sin(_phase(2300 + 500 * _tone(1.3, t)))
    return envelope * (0.07 * sound + 0.05 * fingers)


def _horn(rng: np.random.Generator) -> np.ndarray:
    """An air horn in the stands: near a whistle's length, far below its pitch."""
    t, tone = _time(float(rng.uniform(0.4, 0.9))), float(rng.uniform(380, 520))
    sound = sum(np.sin(2 * np.pi * tone * k * t) / k for k in (1, 2, 3, 4, 5))
    return 0.12 * _edges(t, 0.02, 0.05) * sound


def _fan_whistle(rng: np.random.Generator) -> np.ndarray:
    """Somebody whistles through his fingers: a glide, lower and softer than the referee's."""
    t = _time(float(rng.uniform(0.3, 0.6)))
    sweep = float(rng.uniform(1500, 2000)) + float(rng.uniform(600, 1000)) * t / t[-1]
    return 0.07 * _edges(t, 0.04, 0.06) * np.sin(_phase(sweep))


MAKERS: dict[str, Maker] = {
    "whistle": _whistle((0.45, 0.0)),
    "whistle_short": _whistle((0.16, 0.0)),
    "whistle_double": _whistle((0.18, 0.1), (0.3, 0.0)),
    "whistle_long": _whistle((0.9, 0.0)),
    "whistle_triple": _whistle((0.25, 0.15), (0.25, 0.15), (0.8, 0.0)),
    "kick": _kick,
    "boards": _boards,
    "roar": _crowd_burst(0.34, 7.0, 0.12, (300, 2600), 0.15),
    "ooh": _crowd_burst(0.2, 1.8, 0.08, (300, 1800), 0.35),
    "groan": _crowd_burst(0.17, 1.8, 0.2, (150, 900), -0.4),
    "rise": _crowd_burst(0.07, 2.4, 1.4, (300, 2000)),
    "cheer": _crowd_burst(0.12, 2.0, 0.5, (400, 2400)),
    "boo": _boo,
    "net": _net,
    "gloves": _hiss(0.5, 0.12, (500, 2500), 0.02),
    "throw": _throw,
    "chime": _chime,
    "claps": _claps,
    "horn": _horn,
    "fan_whistle": _fan_whistle,
    "hush": lambda rng: np.zeros(1),  # the commentator stops; see `_commentator`
}
"""What makes each kind of sound."""

EXCITING = {"roar": 1.2, "ooh": 0.7, "groan": 0.5, "rise": 0.4}
"""How much a sound excites the commentator."""
