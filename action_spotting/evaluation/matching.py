"""Which spot finds which label: the time axis, the windows, the matching.

All games, halves and classes lie one behind the other on a single integer axis, far enough apart
that no window reaches from one into the next; so one sort and one search serve them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from action_spotting.dataset.events import Annotations, Spots

FPS = 2
FRAME_MS = 1000 // FPS
LAST_FRAME = 120 * 60 * FPS - 1
"""SoccerNet's scorer puts all that lies behind the 120th minute into this frame."""


class Columns(NamedTuple):
    """Entries of several games; arrays ``(n,)``."""

    half: np.ndarray
    position_ms: np.ndarray
    label: np.ndarray
    game: np.ndarray
    value: np.ndarray
    """A label's ``visible``, a spot's ``confidence``."""

    def take(self, rows: np.ndarray | slice) -> Columns:
        """Pick rows."""
        return Columns(*(column[rows] for column in self))


@dataclass(frozen=True)
class Axis:
    """Labels and spots of a set on one time axis, each sorted by its key.

    ``key = ((2 * game + half - 1) * classes + class) * stride + time``; the time's unit is
    `unit_ms` milliseconds.

    Attributes
    ----------
    label_key, spot_key
        int64 arrays ``(n_labels,)`` and ``(n_spots,)``, ascending.
    labels, spots
        What they stand for, in the same order, which is game by game.
    spot_visible
        Whether the label of its class and half that lies nearest is a visible one; False where
        the half has no label of the class.
    """

    unit_ms: int
    stride: int
    label_key: np.ndarray
    labels: Columns
    spot_key: np.ndarray
    spots: Columns
    spot_visible: np.ndarray

    def reach(self, tolerance_s: float) -> int:
        """How far off, in units of the axis, a spot may be: half of `tolerance_s`."""
        return int(tolerance_s * 1000 // (2 * self.unit_ms))

    def pairs(self, tolerance_s: float) -> Pairs:
        """Pair the labels with the spots within reach at `tolerance_s`."""
        return find_pairs(self.label_key, self.spot_key, self.spots.value, self.reach(tolerance_s))


@dataclass(frozen=True)
class Pairs:
    """Each label with the spots of its class within reach, the label's favourite first.

    Attributes
    ----------
    n_labels
        Number of labels, those without pairs included.
    label
        Index of the label, ascending; int64 ``(n_pairs,)``.
    spot
        Index into `candidates`.
    distance
        Between the two, in units of the axis.
    candidates
        Indices of the spots that lie within reach of any label.
    """

    n_labels: int
    label: np.ndarray
    spot: np.ndarray
    distance: np.ndarray
    candidates: np.ndarray


def build_axis(
    annotations: Sequence[Annotations],
    spots: Sequence[Spots],
    n_classes: int,
    *,
    tolerance_s: float,
    exact: bool = False,
) -> Axis:
    """Lay the games of a set on one axis.

    Parameters
    ----------
    annotations, spots
        One element a game, both in the same order of games.
    n_classes
        Number of classes that the label indices refer to.
    tolerance_s
        The widest at which there will be matching: a spot may be off by half of it.
    exact
        False: as SoccerNet's scorer, in frames of half a second, clamped to 120 minutes; of two
        in one frame the one listed last counts; a confidence below 0 is no spot.
        True: in milliseconds, nothing clamped, nothing dropped.
    """
    unit_ms = 1 if exact else FRAME_MS
    labels, found = join(annotations), join(spots)
    label_time, spot_time = labels.position_ms // unit_ms, found.position_ms // unit_ms
    if not exact:
        label_time = np.minimum(label_time, LAST_FRAME)
        spot_time = np.minimum(spot_time, LAST_FRAME)
    longest = max(label_time.max(initial=0), spot_time.max(initial=0))
    stride = int(longest + tolerance_s * 1000 // (2 * unit_ms) + 1)
    label_key = _group(labels, n_classes) * stride + label_time
    spot_key = _group(found, n_classes) * stride + spot_time
    label_rows = _sorted(label_key, drop_repeats=not exact)
    spot_rows = _sorted(spot_key, drop_repeats=not exact)
    if not exact:
        spot_rows = spot_rows[found.value[spot_rows] >= 0]
    labels, label_key = labels.take(label_rows), label_key[label_rows]
    found, spot_key = found.take(spot_rows), spot_key[spot_rows]
    return Axis(
        unit_ms=unit_ms,
        stride=stride,
        label_key=label_key,
        labels=labels,
        spot_key=spot_key,
        spots=found,
        spot_visible=nearest_visible(label_key, labels.value, spot_key, stride),
    )


def nearest_visible(
    label_key: np.ndarray, label_visible: np.ndarray, spot_key: np.ndarray, stride: int
) -> np.ndarray:
    """Tell for each spot whether the nearest label of its class and half is a visible one.

    A label owns the time from the midpoint with the one before it (included) to the midpoint with
    the next (not included), midpoints rounded down, as SoccerNet's scorer has it.

    Returns
    -------
    numpy.ndarray
        Bool ``(n_spots,)``.

    Examples
    --------
    >>> shown = np.array([True, False])
    >>> nearest_visible(np.array([10, 20]), shown, np.array([3, 14, 15, 30]), 100)
    array([ True,  True, False, False])
    """
    if not len(label_key):
        return np.zeros(len(spot_key), bool)
    group = label_key // stride
    same = group[1:] == group[:-1]
    middle = (label_key[1:] + label_key[:-1]) // 2
    begin, end = group * stride, (group + 1) * stride
    begin[1:] = np.where(same, middle, begin[1:])
    end[:-1] = np.where(same, middle, end[:-1])
    first, last = (np.searchsorted(spot_key, edge[label_visible]) for edge in (begin, end))
    size = len(spot_key) + 1
    steps = np.bincount(first, minlength=size) - np.bincount(last, minlength=size)
    return np.cumsum(steps)[:-1] > 0


def find_pairs(
    label_key: np.ndarray, spot_key: np.ndarray, confidence: np.ndarray, reach: int
) -> Pairs:
    """Pair each label with the spots at most `reach` away, by confidence, then by time.

    Parameters
    ----------
    label_key, spot_key
        Ascending, int64 ``(n_labels,)`` and ``(n_spots,)``.
    confidence
        Of the spots, ``(n_spots,)``.
    reach
        In the unit of the keys.
    """
    first = np.searchsorted(spot_key, label_key - reach, "left")
    count = np.searchsorted(spot_key, label_key + reach, "right") - first
    label = np.repeat(np.arange(len(count)), count)
    spot = np.arange(len(label)) + np.repeat(first - np.cumsum(count) + count, count)
    order = np.lexsort((spot, -confidence[spot], label))
    label, spot = label[order], spot[order]
    used = np.zeros(len(spot_key), bool)
    used[spot] = True
    return Pairs(
        n_labels=len(label_key),
        label=label,
        spot=(np.cumsum(used) - 1)[spot],
        distance=np.abs(spot_key[spot] - label_key[label]),
        candidates=np.flatnonzero(used),
    )


def match(pairs: Pairs, reach: int) -> np.ndarray:
    """Give each label the spot that finds it.

    In order of time each label takes the most confident spot, the earliest of equal ones, at most
    `reach` away that no label before it took.

    Returns
    -------
    numpy.ndarray
        Index of the spot, -1 where a label stays without; int64 ``(n_labels,)``.

    Examples
    --------
    >>> pairs = find_pairs(np.array([10, 12]), np.array([11, 14]), np.array([0.9, 0.1]), 2)
    >>> match(pairs, 2)
    array([0, 1])
    """
    within = pairs.distance <= reach
    taken = first_come(
        pairs.label[within], pairs.spot[within], pairs.n_labels, len(pairs.candidates)
    )
    return np.append(pairs.candidates, -1)[taken]


def first_come(owner: np.ndarray, item: np.ndarray, n_owners: int, n_items: int) -> np.ndarray:
    """Let the owners, in their order, each take the first item of its list that is left.

    Done for all owners at once: each asks for its favourite, an item stays with the earliest that
    asked, the others ask for their next, until none has anything to ask for (deferred acceptance;
    Gale and Shapley, 1962). As all items prefer the earlier owner there is one stable outcome, and
    taking in turn is it.

    Parameters
    ----------
    owner, item
        The wish lists, one element a wish, ``owner`` ascending, favourites first.
    n_owners, n_items
        How many there are of each.

    Returns
    -------
    numpy.ndarray
        The item of each owner, -1 for none; int64 ``(n_owners,)``.

    Examples
    --------
    >>> first_come(np.array([0, 1, 1, 2]), np.array([5, 5, 6, 6]), 3, 7)
    array([ 5,  6, -1])
    """
    edges = np.searchsorted(owner, np.arange(n_owners + 1))
    wish, end = edges[:-1].copy(), edges[1:]
    holder = np.full(n_items, n_owners)
    asking = np.flatnonzero(wish < end)
    while asking.size:
        wanted = item[wish[asking]]
        before = holder[wanted]
        np.minimum.at(holder, wanted, asking)
        after = holder[wanted]
        ousted = before[(before < n_owners) & (before != after)]
        asking = np.unique(np.concatenate([asking[after != asking], ousted]))
        wish[asking] += 1
        asking = asking[wish[asking] < end[asking]]
    result = np.full(n_owners, -1)
    held = np.flatnonzero(holder < n_owners)
    result[holder[held]] = held
    return result


def join(games: Sequence[Annotations] | Sequence[Spots]) -> Columns:
    """Concatenate the entries of all games."""
    game = np.repeat(np.arange(len(games)), [len(one) for one in games])
    half, position_ms, label = (
        np.concatenate([np.empty(0, np.int64), *(getattr(one, name) for one in games)])
        for name in ("half", "position_ms", "label")
    )
    values = [one.visible if isinstance(one, Annotations) else one.confidence for one in games]
    value = np.concatenate(values) if values else np.empty(0)
    return Columns(half, position_ms, label, game, value)


def _group(entries: Columns, n_classes: int) -> np.ndarray:
    return (2 * entries.game + entries.half - 1) * n_classes + entries.label


def _sorted(key: np.ndarray, *, drop_repeats: bool) -> np.ndarray:
    """Indices that sort `key`; of equal keys all in their order, or only the last."""
    order = np.argsort(key, kind="stable")
    if not drop_repeats or not len(order):
        return order
    ascending = key[order]
    return order[np.append(ascending[1:] != ascending[:-1], True)]
