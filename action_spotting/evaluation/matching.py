"""Which spot finds which label: the time axis, the windows, the matching.

All games, halves and classes lie one behind the other on a single integer axis, far enough apart
that no window reaches from one into the next; so one sort and one search serve them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from action_spotting.dataset.events import FRAME_MS, HALVES, Events, official_frame


@dataclass(frozen=True)
class Axis:
    """Labels and spots of a set on one time axis, each sorted by its key.

    ``key = ((4 * game + half - 1) * classes + class) * stride + time``; the time's unit is
    `unit_ms` milliseconds.

    Attributes
    ----------
    label_key, spot_key
        int64 arrays ``(n_labels,)`` and ``(n_spots,)``, ascending.
    labels, spots
        What they stand for, in the same order, which is game by game.
    label_game, spot_game
        The game of each, int64, ascending.
    spot_visible
        Whether the label of its class and half that lies nearest is a visible one; False where
        the half has no label of the class.
    """

    unit_ms: int
    stride: int
    label_key: np.ndarray
    labels: Events
    label_game: np.ndarray
    spot_key: np.ndarray
    spots: Events
    spot_game: np.ndarray
    spot_visible: np.ndarray

    def reach(self, tolerance_s: float) -> int:
        """How far off, in units of the axis, a spot may be: half of `tolerance_s`."""
        return int(tolerance_s * 1000 // (2 * self.unit_ms))

    def pairs(self, tolerance_s: float) -> Pairs:
        """Pair the labels with the spots within reach at `tolerance_s`."""
        return find_pairs(
            self.label_key, self.spot_key, self.spots.confidence, self.reach(tolerance_s)
        )


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
    labels: Sequence[Events], spots: Sequence[Events], *, tolerance_s: float, exact: bool = False
) -> Axis:
    """Lay the games of a set on one axis.

    Parameters
    ----------
    labels, spots
        One table a game, both in the same order of games and of one vocabulary.
    tolerance_s
        The widest at which there will be matching: a spot may be off by half of it.
    exact
        False: as SoccerNet's scorer, in frames of half a second, clamped to 120 minutes; of two
        in one frame the one listed last counts; a confidence below 0 is no spot; extra time is
        left out. True: in milliseconds, nothing clamped, nothing dropped.
    """
    unit_ms = 1 if exact else FRAME_MS
    sides = [_flat(labels), _flat(spots)]
    if not exact:
        sides = [(side.take(side.half <= 2), game[side.half <= 2]) for side, game in sides]
    times = [side.position_ms if exact else official_frame(side.position_ms) for side, _ in sides]
    first = min(time.min(initial=0) for time in times)
    longest = max(time.max(initial=0) for time in times) - first
    stride = int(longest + tolerance_s * 1000 // (2 * unit_ms) + 1)
    sorted_sides = []
    for (side, game), time in zip(sides, times, strict=True):
        group = (len(HALVES) * game + side.half - 1) * len(side.classes) + side.label
        key = group * stride + time - first
        rows = _sorted(key, drop_repeats=not exact)
        if not exact:
            rows = rows[~(side.confidence[rows] < 0)]
        sorted_sides.append((key[rows], side.take(rows), game[rows]))
    (label_key, known, label_game), (spot_key, found, spot_game) = sorted_sides
    return Axis(
        unit_ms=unit_ms,
        stride=stride,
        label_key=label_key,
        labels=known,
        label_game=label_game,
        spot_key=spot_key,
        spots=found,
        spot_game=spot_game,
        spot_visible=nearest_visible(label_key, known.visible, spot_key, stride),
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


def match_labels(pairs: Pairs, reach: int) -> np.ndarray:
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
    >>> match_labels(pairs, 2)
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


def _flat(games: Sequence[Events]) -> tuple[Events, np.ndarray]:
    """Join the tables of all games; gives them and the game of each row."""
    return Events.concat(games), np.repeat(np.arange(len(games)), [len(game) for game in games])


def _sorted(key: np.ndarray, *, drop_repeats: bool) -> np.ndarray:
    """Indices that sort `key`; of equal keys all in their order, or only the last."""
    order = np.argsort(key, kind="stable")
    if not drop_repeats or not len(order):
        return order
    ascending = key[order]
    return order[np.append(ascending[1:] != ascending[:-1], True)]
