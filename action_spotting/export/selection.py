"""Which spots are shown: those that reach a threshold, of the classes and halves asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from action_spotting.dataset.media import LONGEST_S
from action_spotting.errors import InputError, UsageError, unknown
from action_spotting.export.timeline import HalfMedia, Moment, Timeline
from action_spotting.io.files import read_json

DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True)
class Window:
    """The stretch around a spot that a reviewer wants to see.

    Attributes
    ----------
    before_s, after_s
        In seconds, from 0 to a day; not both 0.

    Raises
    ------
    UsageError
        A side out of range, or both 0.

    Examples
    --------
    >>> half, goal = HalfMedia(1, 0, 2_700_000), Moment(1, 2000, 2000, "Goal", "Goal", 0.9)
    >>> Window(5, 5).around(Timeline("A - B", (half,), (goal,), ("Goal",)), goal)
    (0, 7000)
    """

    before_s: float = 5.0
    after_s: float = 5.0

    def __post_init__(self) -> None:
        """Refuse a window that is negative, not finite or empty."""
        sides = (self.before_s, self.after_s)
        if not all(0 <= side <= LONGEST_S for side in sides) or sum(sides) <= 0:
            raise UsageError(
                f"window of {self.before_s} s before and {self.after_s} s after a spot: both must "
                "be from 0 to a day, and one more than 0"
            )

    def around(self, timeline: Timeline, moment: Moment) -> tuple[int, int]:
        """Place the window around a moment, cut at the start and end of the half.

        Parameters
        ----------
        timeline
            Has the moment's half.
        moment
            The spot.

        Returns
        -------
        tuple of int
            Start and end on the match clock, in milliseconds.
        """
        half = timeline.half(moment.half)
        last = half.offset_ms + half.duration_ms
        start = max(half.offset_ms, moment.match_ms - round(1000 * self.before_s))
        return start, max(start, min(last, moment.match_ms + round(1000 * self.after_s)))


def select(
    timeline: Timeline,
    *,
    threshold: float | Mapping[str, float] = DEFAULT_THRESHOLD,
    top: int | None = None,
) -> Timeline:
    """Keep the spots that are confident enough to be shown.

    Parameters
    ----------
    timeline
        With all its spots.
    threshold
        Least confidence: one number, or one a class (0.5 for a class that is not in it).
    top
        Keep at most this many, the most confident; None: all.

    Returns
    -------
    Timeline
        The same match with the moments kept, in their order.

    Examples
    --------
    >>> moments = tuple(Moment(1, t, t, "Goal", "Goal", c) for t, c in [(0, 0.4), (9, 0.7)])
    >>> select(Timeline("", (), moments, ("Goal",)), threshold={"Goal": 0.6}).moments[0].position_ms
    9
    """
    if isinstance(threshold, Mapping):
        least = [threshold.get(moment.label, DEFAULT_THRESHOLD) for moment in timeline.moments]
    else:
        least = [threshold] * len(timeline.moments)
    kept = [m for m, t in zip(timeline.moments, least, strict=True) if m.confidence >= t]
    if top is not None:
        strongest = sorted(range(len(kept)), key=lambda i: -kept[i].confidence)[: max(0, top)]
        kept = [kept[i] for i in sorted(strongest)]
    return replace(timeline, moments=tuple(kept))


def split_files(timeline: Timeline) -> list[Timeline]:
    """Split a match into one timeline a media file, each on the file's own clock.

    Parameters
    ----------
    timeline
        A match; its halves may share a file.

    Returns
    -------
    list of Timeline
        One a media file, and one for each half without media.

    Examples
    --------
    >>> halves = (HalfMedia(1, 0, 2_700_000), HalfMedia(2, 2_700_000, 2_700_000))
    >>> goal = Moment(2, 5000, 2_705_000, "Goal", "Goal", 0.9)
    >>> parts = split_files(Timeline("A - B", halves, (goal,), ("Goal",)))
    >>> [[moment.match_ms for moment in part.moments] for part in parts]
    [[], [5000]]
    """
    groups: dict[object, list[HalfMedia]] = {}
    for half in timeline.halves:
        key = half.clip.path if half.clip else half.number
        groups.setdefault(key, []).append(replace(half, offset_ms=half.lead_ms + half.file_ms))
    return [_only(timeline, tuple(halves)) for halves in groups.values()]


def read_threshold(text: str, classes: Sequence[str]) -> float | dict[str, float]:
    """Read a threshold: a number in [0, 1], or a JSON file ``{"Goal": 0.3, …}``.

    Parameters
    ----------
    text
        The number, or the path of the file.
    classes
        Names that the file may use.

    Returns
    -------
    float or dict of str to float
        As `select` takes it.

    Raises
    ------
    UsageError
        Neither a number in [0, 1] nor a file.
    InputError
        A file with an unknown class or a threshold that is no number in [0, 1].

    Examples
    --------
    >>> read_threshold("0.3", ["Goal", "Foul"])
    0.3
    """
    try:
        given: object = float(text)
    except ValueError:
        path = Path(text)
        if not path.is_file():
            raise UsageError(
                f"threshold {text!r}: neither a number from 0 to 1 nor a JSON file"
            ) from None
        given = read_json(path)
    if isinstance(given, float):
        if not 0 <= given <= 1:
            raise UsageError(f"threshold {text}: a number from 0 to 1 is expected")
        return given
    if not isinstance(given, dict):
        raise InputError(f'{text}: expected {{"Goal": 0.3, …}}, one number a class')
    problems = [unknown("class", name, classes) for name in given if name not in classes]
    problems += [
        f"threshold {value!r} of {name} is no number from 0 to 1"
        for name, value in given.items()
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1
    ]
    if problems:
        raise InputError(f"{text}: " + "; ".join(problems))
    return {name: float(value) for name, value in given.items()}


def _only(timeline: Timeline, halves: tuple[HalfMedia, ...]) -> Timeline:
    start = {half.number: half.offset_ms for half in halves}
    moments = [
        replace(moment, match_ms=start[moment.half] + moment.position_ms)
        for moment in timeline.moments
        if moment.half in start
    ]
    return replace(timeline, halves=halves, moments=tuple(moments))
