"""The spots of one match on its clocks, as every exporter takes them.

Two clocks are in use. The *half's clock* starts with each half. The *match clock* runs through all
media files laid end to end, as an editor lays them: in a match of two files the second half starts
where the first file ends; in a match of one file it starts where it truly does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from action_spotting.dataset.events import Events, game_time
from action_spotting.dataset.layout import relative
from action_spotting.dataset.media import Clip, open_media, origin_s
from action_spotting.dataset.packets import length_s
from action_spotting.dataset.streams import picture_stream
from action_spotting.export.wording import plain_name

NOMINAL_HALF_MS = 45 * 60 * 1000
NOMINAL_EXTRA_MS = 15 * 60 * 1000
NOMINAL_FPS = 25.0
USUAL_RATES = (24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 50.0, 60000 / 1001, 60.0)


@dataclass(frozen=True)
class HalfMedia:
    """One half: where it lies on the match clock and in its media file.

    Attributes
    ----------
    number
        1 or 2.
    offset_ms
        Start of the half on the match clock.
    duration_ms
        Length of the half; nominal (45 minutes, or up to its last spot) where there is no media.
    file_ms
        Start of the half in its media file, counted from the first frame that decodes.
    lead_ms
        How long the file runs before that frame: other programs count from the file's start.
    media_ms
        Length of the media file, `lead_ms` included; as `duration_ms` where there is none.
    fps
        Frames a second of the media; 25 where there is none.
    timecode
        The start time code that the media states, such as ``10:00:00:00``; empty for none.
    clip
        The media, or None.
    name
        The media file as exports name it: relative to the exports' folder; empty without media.
    """

    number: int
    offset_ms: int
    duration_ms: int
    file_ms: int = 0
    lead_ms: int = 0
    media_ms: int = 0
    fps: float = NOMINAL_FPS
    timecode: str = ""
    clip: Clip | None = None
    name: str = ""


@dataclass(frozen=True)
class Moment:
    """One spot.

    Attributes
    ----------
    half
        1 or 2.
    position_ms
        Time on the half's clock, not beyond the end of its media.
    match_ms
        Time on the match clock.
    label
        The class, such as ``Yellow->red card``.
    name
        The class for people, such as ``Second yellow card``.
    confidence
        In [0, 1].
    index
        Where the spot stands in the `Events` it was made from.
    probability
        That it is right, in [0, 1]; None where no calibration says it.
    """

    half: int
    position_ms: int
    match_ms: int
    label: str
    name: str
    confidence: float
    index: int = 0
    probability: float | None = None

    @property
    def certainty(self) -> str:
        """How sure it is, for people: its probability in percent, else its confidence."""
        if self.probability is None:
            return f"{self.confidence:.2f}"
        return f"{self.probability:.0%}".replace("%", " %")

    @property
    def game_time(self) -> str:
        """Half and time as SoccerNet words them: ``2 - 01:01``."""
        return game_time(self.half, self.position_ms)


@dataclass(frozen=True)
class Timeline:
    """A match's spots and media, ready for export.

    Attributes
    ----------
    game
        SoccerNet's ``UrlLocal``, or any title.
    halves
        In order.
    moments
        Sorted by match clock, then by label.
    labels
        All classes that could have been spotted.
    moved
        How many spots lay outside their half and were put at its start or end.
    """

    game: str
    halves: tuple[HalfMedia, ...]
    moments: tuple[Moment, ...]
    labels: tuple[str, ...]
    moved: int = 0

    def half(self, number: int) -> HalfMedia:
        """Give one half.

        Parameters
        ----------
        number
            1 to 4, one that the match has.

        Returns
        -------
        HalfMedia
            Its place on the match clock and its media.
        """
        return next(half for half in self.halves if half.number == number)

    @property
    def without_media(self) -> tuple[int, ...]:
        """The halves of which there is no media."""
        return tuple(half.number for half in self.halves if half.clip is None)

    @property
    def end_ms(self) -> int:
        """End of the last half on the match clock."""
        return max((half.offset_ms + half.duration_ms for half in self.halves), default=0)


def build_timeline(
    game: str,
    spots: Events,
    clips: Mapping[int, Clip | None],
    *,
    folder: Path | None = None,
    probability: np.ndarray | None = None,
) -> Timeline:
    """Bring a match's spots and its media together.

    Parameters
    ----------
    game
        SoccerNet's ``UrlLocal``, or any title.
    spots
        All spots; `select` chooses among them.
    clips
        The media by half; both halves may lie in one file. None, or no entry, for a half without
        media, which then counts 45 minutes, or up to its last spot.
    folder
        Where the exports will lie: media are named relative to it; by file name alone without.
    probability
        That each spot is right, in [0, 1], float ``(n,)``; None: unknown.

    Returns
    -------
    Timeline
        With all spots.

    Raises
    ------
    InputError
        Media that cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> spots = Events(*(np.array(c) for c in ([2, 1], [1500, 61500], [2, 16], [0.9, 0.8])))
    >>> timeline = build_timeline("A - B", spots, {})
    >>> [(m.game_time, m.match_ms, m.name) for m in timeline.moments]
    [('1 - 01:01', 61500, 'Second yellow card'), ('2 - 00:01', 2701500, 'Goal')]
    """
    last_ms = {
        int(number): int(spots.position_ms[spots.half == number].max())
        for number in set(spots.half.tolist())
    }
    halves = _lay_out(clips, last_ms, folder)
    moments = _moments(spots, {half.number: half for half in halves}, probability)
    moved = sum(int(spots.position_ms[m.index]) != m.position_ms for m in moments)
    return Timeline(game, halves, moments, spots.classes, moved)


def _lay_out(
    clips: Mapping[int, Clip | None], last_ms: Mapping[int, int], folder: Path | None
) -> tuple[HalfMedia, ...]:
    """Lay the media files end to end and find each half in them."""
    halves: list[HalfMedia] = []
    file_start: dict[Path, int] = {}
    cursor = 0
    for number in range(1, max([*clips, *last_ms], default=0) + 1):
        clip = clips.get(number)
        if clip is None:
            nominal = NOMINAL_HALF_MS if number <= 2 else NOMINAL_EXTRA_MS
            duration = max(nominal, last_ms.get(number, 0))
            halves.append(HalfMedia(number, cursor, duration, media_ms=duration))
            cursor += duration
            continue
        lead_ms, fps, timecode = _clock_of(clip.path)
        file_ms = round(1000 * (clip.start_s or 0))
        file_s = length_s(clip.path)
        media_ms = lead_ms + round(1000 * file_s)
        if clip.path not in file_start:
            file_start[clip.path] = cursor
            cursor += media_ms
        half = HalfMedia(
            number=number,
            offset_ms=file_start[clip.path] + lead_ms + file_ms,
            duration_ms=_duration_ms(clip, number, clips, file_s),
            file_ms=file_ms,
            lead_ms=lead_ms,
            media_ms=media_ms,
            fps=fps,
            timecode=timecode,
            clip=clip,
            name=relative(clip.path, folder) if folder else clip.path.name,
        )
        halves.append(half)
    return tuple(halves)


def _clock_of(path: Path) -> tuple[int, float, str]:
    """How long a file runs before its first frame in ms, its frame rate, its start time code."""
    import av

    with open_media(path) as container:
        picture = picture_stream(container)
        rate = (picture.guessed_rate or picture.average_rate) if picture else None
        streams = [*([picture] if picture else []), container, *container.streams.data]
        codes = (stream.metadata.get("timecode", "") for stream in streams)
        timecode = next(filter(re.compile(r"\d\d:\d\d:\d\d[:;]\d\d").fullmatch, codes), "")
        start_s = (container.start_time or 0) / av.time_base
    lead_ms = round(1000 * max(0.0, origin_s(path) - start_s))
    return lead_ms, _usual_rate(float(rate or NOMINAL_FPS)), timecode


def _duration_ms(clip: Clip, number: int, clips: Mapping[int, Clip | None], file_s: float) -> int:
    """Length of a half: its own, up to the next half in the same file, or to the file's end."""
    start = clip.start_s or 0
    later = [c.start_s or 0 for n, c in clips.items() if c and n > number and c.path == clip.path]
    ends = [file_s, *later, *([start + clip.duration_s] if clip.duration_s else [])]
    return max(0, round(1000 * (min(ends) - start)))


def _usual_rate(fps: float) -> float:
    """The rate that is meant: an average over a whole file lies a little beside it."""
    near = min(USUAL_RATES, key=lambda rate: abs(rate - fps))
    return near if abs(near - fps) <= 0.0015 * near else fps


def _moments(
    spots: Events, halves: Mapping[int, HalfMedia], probability: np.ndarray | None
) -> tuple[Moment, ...]:
    moments = []
    columns = (spots.half, spots.position_ms, spots.label, spots.confidence)
    chances = [None] * len(spots) if probability is None else probability.tolist()
    rows = zip(*(column.tolist() for column in columns), chances, strict=True)
    for index, (half, position, label, confidence, chance) in enumerate(rows):
        media, name = halves[half], spots.classes[label]
        position = max(0, min(position, media.duration_ms))
        at = media.offset_ms + position
        moments.append(
            Moment(half, position, at, name, plain_name(name), confidence, index, chance)
        )
    return tuple(sorted(moments, key=lambda m: (m.match_ms, m.half, m.label, -m.confidence)))
