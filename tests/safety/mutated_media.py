"""Mutated media: each is read to its end or refused by name, and no row moves without a word.

The pictures of the sound video carry their number as bars, so that a row tells which picture it
shows. Each file is read in a process of its own, whose end is seen: a decoder that crashes is a
failure. A row that shows a picture more than one away from the right one is a failure unless a
warning says so; so are more rows missing than modalities may differ by.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import scipy.signal

from action_spotting.audio.waveform import Waveform
from action_spotting.dataset.media import Clip, open_media
from action_spotting.dataset.rates import ROW_TOLERANCE
from action_spotting.errors import SpottingError
from action_spotting.visual.frames import FrameOptions, with_frames

WIDTH, HEIGHT, FPS, SECONDS = 398, 224, 25, 12
BITS = 10
BAR = 32
LIMIT_S = 120


def numbered(number: int) -> np.ndarray:
    """A picture with its number as black and white bars, and their negative below.

    In Gray code: where a decoder patches a picture with parts of the one before, it shows one of
    the two numbers and no third.
    """
    code = number ^ number >> 1
    bits = np.array([code >> i & 1 for i in range(BITS)], np.uint8)
    bars = np.repeat(bits, BAR) * 219 + 16
    picture = np.full((HEIGHT, WIDTH), 128, np.uint8)
    picture[20:100, 20 : 20 + len(bars)] = bars
    picture[120:200, 20 : 20 + len(bars)] = 251 - bars
    return np.repeat(picture[:, :, None], 3, axis=2)


def number_of(picture: np.ndarray) -> int | None:
    """Read the number; None where the picture is damaged."""
    if picture.shape != (HEIGHT, WIDTH, 3):
        return None
    grey = picture.mean(axis=2)[:, 20 : 20 + BITS * BAR].reshape(HEIGHT, BITS, BAR)
    upper, lower = (
        grey[rows, :, 8:-8].mean(axis=(0, 2)) for rows in (slice(30, 90), slice(130, 190))
    )
    if (np.abs(upper - lower) < 100).any():
        return None
    return int(np.bitwise_xor.accumulate((upper > lower)[::-1])[::-1] @ (1 << np.arange(BITS)))


def write_numbered(path: Path) -> None:
    """Write the sound video: H.264 with B-frames, AAC."""
    with av.open(str(path), "w") as out:
        options = {"preset": "veryfast", "threads": "1", "g": "50", "bf": "2"}
        video = out.add_stream("libx264", rate=FPS, options=options)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = out.add_stream("aac", rate=16000, layout="mono")
        pitches_hz = np.random.default_rng(0).uniform(200, 3000, SECONDS * FPS)
        melody = 0.3 * np.sin(2 * np.pi * np.cumsum(np.repeat(pitches_hz, 16000 // FPS)) / 16000)
        tones = melody.astype(np.float32).reshape(SECONDS * FPS, 1, -1)
        for i in range(SECONDS * FPS):
            out.mux(video.encode(av.VideoFrame.from_ndarray(numbered(i), format="rgb24")))
            frame = av.AudioFrame.from_ndarray(tones[i], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, i * 16000 // FPS
            out.mux(sound.encode(frame))
        out.mux(video.encode(None))
        out.mux(sound.encode(None))


# what is done to a file


def flip(data: bytearray, rng: random.Random) -> None:
    """Turn over bits anywhere."""
    for _ in range(rng.choice((1, 10, 100, 1000))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def flip_header(data: bytearray, rng: random.Random) -> None:
    """Turn over bits in the first kilobyte or the last."""
    for _ in range(rng.choice((1, 4, 16))):
        at = rng.randrange(1024)
        data[at if rng.random() < 0.5 else -at - 1] ^= 1 << rng.randrange(8)


def cut(data: bytearray, rng: random.Random) -> None:
    """Cut off the end."""
    del data[rng.randrange(len(data)) :]


def lose(data: bytearray, rng: random.Random) -> None:
    """Take a piece out of the middle."""
    at = rng.randrange(len(data))
    del data[at : at + rng.choice((1, 100, 10_000, len(data) // 4))]


def blank(data: bytearray, rng: random.Random) -> None:
    """Zero a piece, as a bad disk does."""
    at, size = rng.randrange(len(data)), rng.choice((512, 4096, len(data) // 8))
    data[at : at + size] = bytes(len(data[at : at + size]))


def double(data: bytearray, rng: random.Random) -> None:
    """Put a piece in twice."""
    at = rng.randrange(len(data))
    data[at:at] = data[at : at + rng.choice((100, 10_000, len(data) // 4))]


def swap(data: bytearray, rng: random.Random) -> None:
    """Let two pieces change places."""
    size = rng.choice((1000, len(data) // 8))
    first, second = sorted(rng.randrange(len(data) - size) for _ in range(2))
    second = max(second, min(first + size, len(data) - size))
    one, other = bytes(data[first : first + size]), bytes(data[second : second + size])
    data[first : first + size], data[second : second + size] = other, one


def wrong_header(data: bytearray, rng: random.Random) -> None:
    """Begin like a file of another kind."""
    heads = (b"RIFF\0\0\0\0AVI LIST", b"\0\0\0\x1cftypisom", b"\x1aE\xdf\xa3", b"OggS", b"FLV\x01")
    head = rng.choice((*heads, b"ID3\x03", b"#EXTM3U\n", b"\x47", bytes(64)))
    data[: len(head)] = head


def swapped_streams(data: bytearray, rng: random.Random) -> None:
    """Call picture sound and sound picture: the names of the codecs change places."""
    pairs = (
        (b"V_MPEG4/ISO/AVC", b"A_AAC\0\0\0\0\0\0\0\0\0\0"),
        (b"avc1", b"mp4a"),
        (b"vide", b"soun"),
    )
    for one, other in pairs:
        if one in data and rng.random() < 0.8:
            where = data.index(one), data.find(other.rstrip(b"\0"), 40)
            data[where[0] : where[0] + len(one)] = other
            if where[1] > 0:
                data[where[1] : where[1] + 4] = one[:4]


FAULTS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    *(flip, flip_header, cut, lose, blank, double, swap, wrong_header, swapped_streams),
)


# what comes of it


@dataclass
class Verdict:
    """What became of one file in one reader."""

    outcome: str
    wrong: str = ""
    words: str = ""


def rows_of(path: Path, grabber: str) -> tuple[list[int | None], list[str]]:
    """Read the numbers of the rows, and the warnings."""
    said: list[str] = []
    options = FrameOptions(grabber=grabber)
    rows = with_frames(
        Clip(path), options, lambda frames: [number_of(f) for f in frames], warn=said.append
    )
    return rows, said


def tainted_by(path: Path) -> set[int]:
    """Number the pictures that are damaged, or made from damaged ones, as a plain decoder tells.

    OpenCV does not tell them from whole ones; they are where they belong, but show something else.
    """
    found, bad = set(), False
    with open_media(path) as container, contextlib.suppress(av.FFmpegError):
        for packet in container.demux(video=0):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                bad, frames = True, []
            for frame in frames:
                bad = frame.is_corrupt or (bad and not frame.key_frame)
                if bad and frame.time is not None:
                    found.add(round(frame.time * FPS))
    return found


def judge(
    rows: list[int | None], said: list[str], right: list[int | None], tainted: set[int]
) -> Verdict:
    """Compare rows with those of the sound file, but for pictures in `tainted`."""
    pairs = [(a, b) for a, b in zip(rows, right, strict=False) if b not in tainted]
    away = [abs(a - b) for a, b in pairs if a is not None and b is not None]
    wrong = ""
    if max(away, default=0) > 1 and not said:
        wrong = f"rows up to {max(away)} pictures away"
    if abs(len(rows) - len(right)) > ROW_TOLERANCE and not said:
        wrong = f"{len(rows)} rows, not {len(right)}"
    damaged = sum(number is None for number in rows)
    outcome = "read, warned" if said else "read, damaged pictures" if damaged else "read as it was"
    return Verdict(outcome, wrong, "; ".join(said))


def read_picture(path: Path, grabber: str, right: list[int | None]) -> Verdict:
    """Read the rows of a file."""
    try:
        rows, said = rows_of(path, grabber)
    except SpottingError as error:
        named = str(path) in str(error)
        return Verdict("refused", "" if named else f"refused without its name: {error}", str(error))
    return judge(rows, said, right, tainted_by(path) if grabber == "opencv" else set())


def rows_heard(path: Path) -> tuple[np.ndarray, list[str]]:
    """Read the sound by rows ``(rows, 8000)``, and the warnings."""
    sound = Waveform(Clip(path))
    blocks = list(sound.blocks())
    return np.concatenate(blocks)[: sound.row_count], [sound.warning] if sound.warning else []


def lags(rows: np.ndarray, right: np.ndarray) -> list[float]:
    """Tell by how many seconds each row that is like any part of the sound file lies beside it."""
    found = []
    whole = np.concatenate(right)
    for i, row in enumerate(rows):
        likeness = scipy.signal.correlate(whole, row, "valid", "fft")
        at = int(np.argmax(likeness))
        here = whole[at : at + len(row)]
        norm = float(np.linalg.norm(row) * np.linalg.norm(here))
        if norm and likeness[at] / norm > 0.7:
            found.append((at - i * len(row)) / 16000)
    return found


def read_sound(path: Path, right: np.ndarray) -> Verdict:
    """Decode the sound to its end, and see where its rows lie."""
    try:
        rows, said = rows_heard(path)
    except SpottingError as error:
        named = str(path) in str(error)
        return Verdict("refused", "" if named else "refused without its name", str(error))
    away = max(map(abs, lags(rows, right)), default=0.0)
    wrong = f"rows up to {away:.2f} s away" if away > 0.06 and not said else ""
    if abs(len(rows) - len(right)) > ROW_TOLERANCE and not said:
        wrong = f"{len(rows)} rows, not {len(right)}"
    return Verdict("read, warned" if said else "read as it was", wrong, "; ".join(said))


@dataclass
class Right:
    """The rows of the sound file."""

    numbers: list[int | None]
    heard: np.ndarray


READS: dict[str, Callable[[Path, Right], Verdict]] = {
    "pyav": lambda path, right: read_picture(path, "pyav", right.numbers),
    "opencv": lambda path, right: read_picture(path, "opencv", right.numbers),
    "sound": lambda path, right: read_sound(path, right.heard),
}


@dataclass
class Case:
    """One mutated file and its verdicts."""

    path: Path
    fault: str
    verdicts: dict[str, Verdict] = field(default_factory=dict)

    @property
    def wrong(self) -> list[str]:
        """What broke a rule."""
        return [f"{name}: {v.wrong}" for name, v in self.verdicts.items() if v.wrong]


def mutated(folder: Path, count: int, seed: int) -> list[Case]:
    """Make mutated copies of an mkv and an mp4 in turn."""
    sources = [folder / "sound.mkv", folder / "sound.mp4"]
    for source in sources:
        write_numbered(source)
    cases = []
    for i in range(count):
        rng = random.Random(f"{seed} {i}")
        fault, source = FAULTS[i // 2 % len(FAULTS)], sources[i % 2]
        data = bytearray(source.read_bytes())
        fault(data, rng)
        path = folder / f"{i:03d}_{fault.__name__}{source.suffix}"
        path.write_bytes(data)
        cases.append(Case(path, fault.__name__))
    return cases


def read_all(case: Case, right: Right) -> Case:
    """Read a file with every reader, each in a process of its own."""
    context = multiprocessing.get_context("fork")
    for name, read in READS.items():
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=lambda r=read, t=theirs: t.send(r(case.path, right)))
        child.start()
        theirs.close()
        case.verdicts[name] = _answer(ours, child)
    return case


def _answer(pipe: Any, child: Any) -> Verdict:
    try:
        if pipe.poll(LIMIT_S):
            return pipe.recv()
        child.kill()
        return Verdict("hung", f"not done after {LIMIT_S} s")
    except EOFError:
        child.join()
        return Verdict("crashed", f"the process died: {child.exitcode}")
    finally:
        child.join()


def run(folder: Path, count: int, seed: int = 0) -> list[Case]:
    """Make `count` mutated files in `folder` and read them."""
    cases = mutated(folder, count, seed)
    with multiprocessing.get_context("fork").Pool(1) as pool:  # no decoder's thread is forked later
        right = pool.apply(right_rows, (folder / "sound.mkv",))
    return [read_all(case, right) for case in cases]


def right_rows(path: Path) -> Right:
    """Read the sound file."""
    return Right(rows_of(path, "pyav")[0], rows_heard(path)[0])
