"""One self-contained HTML file that shows what was spotted and why it scores as it does."""

from __future__ import annotations

import base64
import contextlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import numpy as np

from action_spotting.dataset.classes import ACTIONS_V2
from action_spotting.dataset.events import Annotations, Spots, game_time
from action_spotting.dataset.layout import Half
from action_spotting.errors import InputError
from action_spotting.evaluation import charts
from action_spotting.evaluation.diagnosis import Diagnosis, diagnose
from action_spotting.evaluation.game_set import GameSet
from action_spotting.evaluation.matching import Columns, join
from action_spotting.evaluation.scoring import Result, score
from action_spotting.io.files import whole_file

GROUPS = {
    "goals and shots": ("Goal", "Penalty", "Shots on target", "Shots off target", "soccer"),
    "restarts": ("Kick-off", "Throw-in", "Corner", "Direct free-kick", "Indirect free-kick"),
    "fouls and cards": (
        "Foul",
        "Offside",
        "Yellow card",
        "Red card",
        "Yellow->red card",
        "card",
    ),
    "ball away": ("Clearance", "Ball out of play"),
    "substitutions": ("Substitution", "subs"),
}
"""Classes that share a colour."""

_SPOTS_IN_PAGE = 150_000
_SPOTS_IN_HALF = 1000
_LISTED = 25
_OF_A_CLASS = 3
_SPOTS_LISTED = 200
_IMAGE_TYPES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}


@dataclass(frozen=True)
class Match:
    """One game to show.

    Attributes
    ----------
    game
        Its name.
    spots
        What was spotted.
    annotations
        Its labels, if there are any.
    videos
        File of the video of each half, relative to the folder of the report; browsers play MP4 and
        WebM, some of them Matroska too.
    starts_s
        Where a half begins in its video, in seconds; 0 for one that is not named.
    pictures
        Thumbnails: index of the spot, and a PNG or JPEG file's content.
    """

    game: str
    spots: Spots
    annotations: Annotations | None = None
    videos: Mapping[int, str] = field(default_factory=dict)
    starts_s: Mapping[int, float] = field(default_factory=dict)
    pictures: Sequence[tuple[int, bytes]] = ()


def write_report(
    path: Path,
    matches: Sequence[Match],
    *,
    classes: Sequence[str] = ACTIONS_V2,
    title: str = "Action spotting",
    notes: Sequence[str] = (),
    metrics: Sequence[str] = ("loose", "tight"),
) -> None:
    """Write the report.

    It opens from disk and loads nothing. Matches with labels are scored together; without labels
    there are the timelines and a list of the spots. Where there are very many spots the most
    confident of each half are shown, and the page says so.

    Parameters
    ----------
    path
        The HTML file.
    matches
        At least one.
    classes
        What the label indices refer to.
    title
        The heading.
    notes
        What a reader must know first ("the weights are random").
    metrics
        Those of the table; the first also gives the thresholds.
    """
    places = [i for i, match in enumerate(matches) if match.annotations is not None]
    scored = [matches[i] for i in places]
    context: dict[str, Any] = {
        "title": title,
        "notes": notes,
        "count": len(matches),
        "groups": list(GROUPS),
        "score": None,
    }
    diagnosis = None
    if scored:
        annotations = [m.annotations for m in scored if m.annotations is not None]
        spots = [match.spots for match in scored]
        asked = dict.fromkeys([*metrics, "loose", "tight"])
        results = score(annotations, spots, classes=classes, metrics=list(asked))
        best = results[metrics[0]].best
        diagnosis = diagnose(annotations, spots, best.threshold, tolerance_s=best.tolerance_s)
        context["score"] = _score_context(
            results, metrics, diagnosis, [match.game for match in scored], places
        )
    timeline = _Timeline(matches, places, diagnosis)
    context |= {
        "data": {"classes": _class_data(classes), "matches": timeline.matches},
        "hidden": timeline.hidden,
        "per_half": timeline.per_half,
        "lists": [_spot_list(match, classes) for match in matches if match.annotations is None],
    }
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("action_spotting.evaluation"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["percent"] = lambda v: "–" if np.isnan(v) else f"{100 * v:.1f}"
    text = environment.get_template("report.html").render(context)
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def matches_of(games: GameSet, *, report: Path, root: Path, video: str | None) -> list[Match]:
    """Give the games of a set as matches to show.

    Parameters
    ----------
    games
        The set.
    report
        Where the report will be, for the links to the videos.
    root
        The dataset folder that has the videos.
    video
        ``LQ`` or ``720p``: link those that are there; None: none.
    """
    rows = zip(games.games, games.spots, games.annotations, strict=True)
    return [
        Match(game, spots, annotations, _videos(root, game, video, report) if video else {})
        for game, spots, annotations in rows
    ]


def _videos(root: Path, game: str, video: str, report: Path) -> dict[int, str]:
    """The videos of a game that are there, relative to the report's folder."""
    found = {}
    for number in (1, 2):
        with contextlib.suppress(InputError):
            path = Half(root, game, number).clip(video).path
            found[number] = Path(os.path.relpath(path, report.parent)).as_posix()
    return found


class _Timeline:
    """The data that the page draws its timelines from."""

    def __init__(
        self, matches: Sequence[Match], places: Sequence[int], diagnosis: Diagnosis | None
    ) -> None:
        share = _SPOTS_IN_PAGE // max(1, 2 * len(matches))
        self.per_half = max(50, min(_SPOTS_IN_HALF, share))
        self.hidden = 0
        self._diagnosis = diagnosis
        order = {place: index for index, place in enumerate(places)}
        self.matches = [self._match(match, order.get(i)) for i, match in enumerate(matches)]

    def _match(self, match: Match, index: int | None) -> dict[str, Any]:
        if self._diagnosis is None or index is None:
            spots, hit = join([match.spots]), None
            labels, found = join([]), np.empty(0, bool)
        else:
            d = self._diagnosis
            mine, ours = (
                slice(*np.searchsorted(side.game, [index, index + 1]))
                for side in (d.spots, d.labels)
            )
            spots, hit = d.spots.take(mine), d.spot_hit[mine]
            labels, found = d.labels.take(ours), d.label_found[ours]
        halves = []
        for half in (1, 2):
            rows = np.flatnonzero(labels.half == half)
            halves.append(
                {
                    "labels": _label_rows(labels.take(rows), found[rows]),
                    "spots": self._spot_rows(spots, hit, half),
                    "video": quote(match.videos[half]) if half in match.videos else None,
                    "start": match.starts_s.get(half, 0.0),
                }
            )
        return {"game": match.game, "scored": hit is not None, "halves": halves}

    def _spot_rows(self, spots: Columns, hit: np.ndarray | None, half: int) -> list[list[Any]]:
        """The most confident spots of a half as ``[ms, class, confidence, hit]``, by time."""
        rows = np.flatnonzero(spots.half == half)
        loud = rows[np.argsort(-spots.value[rows], kind="stable")][: self.per_half]
        self.hidden += len(rows) - len(loud)
        loud = loud[np.argsort(spots.position_ms[loud], kind="stable")]
        hits = np.ones(len(loud), int) if hit is None else hit[loud].astype(int)
        columns = (
            spots.position_ms[loud].tolist(),
            spots.label[loud].tolist(),
            spots.value[loud].round(3).tolist(),
            hits.tolist(),
        )
        return [list(row) for row in zip(*columns, strict=True)]


def _label_rows(labels: Columns, found: np.ndarray) -> list[list[int]]:
    """Labels as ``[ms, class, visible, found]``."""
    columns = (labels.position_ms, labels.label, labels.value, found)
    return np.stack([column.astype(int) for column in columns], axis=1).tolist()


def _class_data(classes: Sequence[str]) -> list[list[Any]]:
    """Name and colour group of each class."""
    names = list(GROUPS.values())
    return [
        [name, next((i for i, group in enumerate(names) if name in group), 0)] for name in classes
    ]


def _score_context(
    results: Mapping[str, Result],
    metrics: Sequence[str],
    diagnosis: Diagnosis,
    games: Sequence[str],
    places: Sequence[int],
) -> dict[str, Any]:
    """What the template shows of the scored matches; `places` are theirs among all."""
    first = results[metrics[0]]
    best = first.best
    curves = _tolerances(results)
    pr = next(r for r in results.values() if best.tolerance_s in r.tolerances_s)
    return {
        "games": games,
        "places": places,
        "metrics": [results[metric] for metric in metrics],
        "version2": len(first.classes) != 3,
        "best": best,
        "classes": _class_data(first.classes),
        "rows": range(len(first.classes)),
        "curves": [
            charts.precision_recall(pr, i, best.tolerance_s) for i in range(len(first.classes))
        ],
        "tolerances": curves[0],
        "by_tolerance": curves[1],
        "tolerance_chart": charts.tolerance_curve(curves[0], _means(curves[1], first)),
        "confusion": diagnosis.confusion,
        "diagnosis": diagnosis,
        "misses": _misses(diagnosis, first.classes),
        "false_alarms": _false_alarms(diagnosis, first.classes),
        "calibration": charts.calibration_chart(diagnosis.calibration),
    }


def _tolerances(results: Mapping[str, Result]) -> tuple[list[int], np.ndarray]:
    """All tolerances scored and the AP at each; ``(3, tolerances, classes)``."""
    at = {t: r.ap[:, i] for r in results.values() for i, t in enumerate(r.tolerances_s)}
    tolerances = sorted(at)
    return tolerances, np.stack([at[t] for t in tolerances], axis=1)


def _means(values: np.ndarray, result: Result) -> dict[str, np.ndarray]:
    mean = values.mean(axis=-1)
    kinds = ("all", "visible", "not shown") if len(result.classes) != 3 else ("all",)
    return dict(zip(kinds, mean, strict=False))


def _misses(d: Diagnosis, classes: Sequence[str]) -> list[dict[str, Any]]:
    rows = []
    for i in _few_of_each(d.misses, d.labels.label):
        spot = d.label_spot[i]
        rows.append(
            _event(d.labels, i, classes)
            | {
                "visible": bool(d.labels.value[i]),
                "confidence": float(d.label_score[i]),
                "instead": classes[d.spots.label[spot]] if spot >= 0 else None,
            }
        )
    return rows


def _false_alarms(d: Diagnosis, classes: Sequence[str]) -> list[dict[str, Any]]:
    rows = []
    for i in _few_of_each(d.false_alarms, d.spots.label):
        label = d.spot_label[i]
        rows.append(
            _event(d.spots, i, classes)
            | {
                "confidence": float(d.spots.value[i]),
                "instead": classes[d.labels.label[label]] if label >= 0 else None,
            }
        )
    return rows


def _few_of_each(order: np.ndarray, label: np.ndarray) -> list[int]:
    """The first of `order`, of each class at most `_OF_A_CLASS`."""
    kept: list[int] = []
    seen: Counter[int] = Counter()
    for i in order.tolist():
        seen[int(label[i])] += 1
        if seen[int(label[i])] <= _OF_A_CLASS:
            kept.append(i)
    return kept[:_LISTED]


def _event(columns: Columns, i: int, classes: Sequence[str]) -> dict[str, Any]:
    half, ms = int(columns.half[i]), int(columns.position_ms[i])
    return {
        "index": int(columns.game[i]),
        "half": half,
        "ms": ms,
        "time": game_time(half, ms),
        "label": classes[int(columns.label[i])],
    }


def _spot_list(match: Match, classes: Sequence[str]) -> dict[str, Any]:
    """The most confident spots of a match without labels, by time, with their pictures."""
    spots = match.spots
    pictures = dict(match.pictures)
    loud = np.argsort(-spots.confidence, kind="stable")[:_SPOTS_LISTED]
    order = loud[np.lexsort((spots.position_ms[loud], spots.half[loud]))]
    rows = [
        {
            "time": game_time(int(spots.half[i]), int(spots.position_ms[i])),
            "label": classes[int(spots.label[i])],
            "confidence": float(spots.confidence[i]),
            "picture": _data_uri(pictures[int(i)]) if int(i) in pictures else None,
        }
        for i in order
    ]
    return {"game": match.game, "rows": rows, "hidden": len(spots) - len(rows)}


def _data_uri(content: bytes) -> str:
    kind = next((kind for magic, kind in _IMAGE_TYPES.items() if content.startswith(magic)), None)
    if kind is None:
        raise InputError("a thumbnail is neither PNG nor JPEG")
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
