"""One self-contained HTML file with the spots of each game, their scores and their errors."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import numpy as np

from action_spotting.dataset.events import HALVES, Events, game_time
from action_spotting.dataset.layout import Half, relative
from action_spotting.errors import InputError
from action_spotting.evaluation.diagnosis import Diagnosis, diagnose
from action_spotting.evaluation.evaluate import Evaluation
from action_spotting.evaluation.scoring import Result
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
class Game:
    """One game to show.

    Attributes
    ----------
    name
        SoccerNet's ``UrlLocal``, or any title.
    spots
        What was spotted.
    videos
        File of the video of each half, relative to the folder of the report; browsers play MP4 and
        WebM, some of them Matroska too.
    starts_s
        Where a half begins in its video, in seconds; 0 for one that is not named.
    pictures
        Thumbnails: index of the spot, and the content of a PNG or JPEG file.
    probability
        Probability that each spot is correct, in [0, 1], float ``(n,)``; None: unknown.
    """

    name: str
    spots: Events
    videos: Mapping[int, str] = field(default_factory=dict)
    starts_s: Mapping[int, float] = field(default_factory=dict)
    pictures: Sequence[tuple[int, bytes]] = ()
    probability: np.ndarray | None = None


def write_report(
    path: Path,
    games: Sequence[Game],
    evaluation: Evaluation | None = None,
    *,
    title: str = "Action spotting",
    notes: Sequence[str] = (),
) -> None:
    """Write the report.

    It opens from disk and loads nothing. Where there are very many spots the most confident of
    each half are shown, and the page says so.

    Parameters
    ----------
    path
        The HTML file.
    games
        At least one.
    evaluation
        Their scores, of the same games in the same order (`games_of`); its first metric gives the
        thresholds. None: there are the timelines and a list of the spots.
    title
        The heading.
    notes
        What a reader must know first ("the weights are random").

    Raises
    ------
    UsageError
        A file that cannot be written.
    InputError
        A thumbnail that is neither PNG nor JPEG.

    Examples
    --------
    >>> import tempfile
    >>> games = [Game("A - B", Events([1], [60_000], [2], confidence=[0.9]))]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "report.html")
    ...     write_report(path, games, title="My match")
    ...     "My match" in path.read_text(encoding="utf-8")
    True
    """
    diagnosis = None
    if evaluation:
        best = next(iter(evaluation.results.values())).best
        scored = evaluation.games
        diagnosis = diagnose(
            scored.labels, scored.spots, best.threshold, tolerance_s=best.tolerance_s
        )
    classes = games[0].spots.classes
    timeline = _PageData(games, diagnosis)
    context: dict[str, Any] = {
        "title": title,
        "notes": notes,
        "count": len(games),
        "groups": list(GROUPS),
        "score": _score_context(evaluation, diagnosis) if evaluation and diagnosis else None,
        "data": {"classes": _class_data(classes), "games": timeline.games},
        "hidden": timeline.hidden,
        "per_half": timeline.per_half,
        "lists": [] if evaluation else [_spot_list(game) for game in games],
    }
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("action_spotting.evaluation"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["percent"] = lambda v: "–" if np.isnan(v) else f"{100 * v:.1f}"
    environment.filters["sha256"] = _sha256
    for name, file in (("style", "report.css"), ("script", "report.js")):
        context[name] = environment.get_template(file).render()
    text = environment.get_template("report.html").render(context)
    with whole_file(path) as part:
        # a name may hold bytes that are no UTF-8, or a NUL, which HTML does not take
        part.write_text(text.replace("\0", "�"), encoding="utf-8", errors="backslashreplace")


def games_of(
    evaluation: Evaluation, *, report: Path, root: Path, video: str | None = None
) -> list[Game]:
    """Give the games of an evaluation, to be shown.

    Parameters
    ----------
    evaluation
        The scores.
    report
        Where the report will be, for the links to the videos.
    root
        The dataset folder that has the videos.
    video
        ``LQ``, ``720p`` or ``HQ``: link those that are there; None: link no video.

    Returns
    -------
    list of Game
        In the order of the evaluation.

    Examples
    --------
    >>> from action_spotting.evaluation.evaluate import score_set
    >>> from action_spotting.evaluation.game_set import GameSet
    >>> labels, spots = Events([1], [60_000], [2]), Events([1], [60_400], [2], confidence=[0.9])
    >>> evaluation = score_set(GameSet(("A - B",), (labels,), (spots,)))
    >>> [game.name for game in games_of(evaluation, report=Path("r.html"), root=Path("SoccerNet"))]
    ['A - B']
    """
    games = []
    for name, spots in zip(evaluation.games.games, evaluation.games.spots, strict=True):
        videos = {}
        for number in (1, 2) if video else ():
            with contextlib.suppress(InputError):
                clip = Half(root, name, number).clip(video or "")
                videos[number] = relative(clip.path, report.parent)
        games.append(Game(root.resolve().name if name == "." else name, spots, videos))
    return games


class _PageData:
    """The data that the page draws its timelines from."""

    def __init__(self, games: Sequence[Game], diagnosis: Diagnosis | None) -> None:
        share = _SPOTS_IN_PAGE // max(1, 2 * len(games))
        self.per_half = max(50, min(_SPOTS_IN_HALF, share))
        self.hidden = 0
        self._diagnosis = diagnosis
        self.games = [self._game(game, i) for i, game in enumerate(games)]

    def _game(self, game: Game, index: int) -> dict[str, Any]:
        spots, hit = game.spots, np.ones(len(game.spots), bool)
        labels, found = spots.take(slice(0)), np.empty(0, bool)
        if d := self._diagnosis:
            mine, ours = (
                slice(*np.searchsorted(side, [index, index + 1]))
                for side in (d.axis.spot_game, d.axis.label_game)
            )
            spots, hit = d.axis.spots.take(mine), d.spot_hit[mine]
            labels, found = d.axis.labels.take(ours), d.label_found[ours]
        halves = []
        for half in HALVES[: max(2, spots.half.max(initial=0))]:
            rows = np.flatnonzero(labels.half == half)
            columns = (labels.position_ms, labels.label, labels.visible, found)
            halves.append(
                {
                    "labels": np.stack([c[rows].astype(int) for c in columns], axis=1).tolist(),
                    "spots": self._spot_rows(spots, hit, half),
                    "video": quote(os.fsencode(game.videos[half])) if half in game.videos else None,
                    "start": game.starts_s.get(half, 0.0),
                }
            )
        return {"game": game.name, "scored": self._diagnosis is not None, "halves": halves}

    def _spot_rows(self, spots: Events, hit: np.ndarray, half: int) -> list[list[Any]]:
        """The most confident spots of a half as ``[ms, class, confidence, hit]``, by time."""
        rows = np.flatnonzero(spots.half == half)
        loud = rows[np.argsort(-spots.confidence[rows], kind="stable")][: self.per_half]
        self.hidden += len(rows) - len(loud)
        loud = loud[np.argsort(spots.position_ms[loud], kind="stable")]
        confidence = spots.confidence[loud].round(3)
        columns = (spots.position_ms[loud], spots.label[loud], confidence, hit[loud].astype(int))
        return [list(row) for row in zip(*(c.tolist() for c in columns), strict=True)]


def _class_data(classes: Sequence[str]) -> list[list[Any]]:
    """Name and colour group of each class."""
    names = list(GROUPS.values())
    return [
        [name, next((i for i, group in enumerate(names) if name in group), 0)] for name in classes
    ]


def _score_context(evaluation: Evaluation, diagnosis: Diagnosis) -> dict[str, Any]:
    """What the template shows of the scores."""
    from action_spotting.evaluation import figures

    results = evaluation.results
    first, *_ = results.values()
    version2 = len(first.classes) != 3
    tolerances, by_tolerance = _tolerances(results)
    kinds = dict(zip(("all", "visible", "not shown"), by_tolerance.mean(axis=-1), strict=True))
    curves = kinds if version2 else {"all": kinds["all"]}
    pictures = {
        "precision_recall": figures.precision_recall(first),
        "tolerance": figures.tolerance_curves(tolerances, curves),
        "calibration": figures.calibration_curve(diagnosis.calibration),
    }
    return {
        "games": evaluation.games.games,
        "metrics": list(results.values()),
        "version2": version2,
        "best": first.best,
        "classes": _class_data(first.classes),
        "rows": range(len(first.classes)),
        "pictures": {k: _uri("image/svg+xml", figures.to_svg(f)) for k, f in pictures.items()},
        "tolerances": tolerances,
        "by_tolerance": by_tolerance,
        "confusion": diagnosis.confusion,
        "diagnosis": diagnosis,
        "misses": _misses(diagnosis),
        "false_positives": _false_positives(diagnosis),
    }


def _tolerances(results: Mapping[str, Result]) -> tuple[list[int], np.ndarray]:
    """All tolerances scored and the AP at each; ``(3, tolerances, classes)``."""
    at = {t: r.ap[:, i] for r in results.values() for i, t in enumerate(r.tolerances_s)}
    tolerances = sorted(at)
    return tolerances, np.stack([at[t] for t in tolerances], axis=1)


def _misses(d: Diagnosis) -> list[dict[str, Any]]:
    labels, spots = d.axis.labels, d.axis.spots
    return [
        _event(labels, i, d.axis.label_game[i], d.label_score[i], spots, d.label_spot[i])
        | {"visible": bool(labels.visible[i])}
        for i in _few_of_each(d.misses, labels.label)
    ]


def _false_positives(d: Diagnosis) -> list[dict[str, Any]]:
    labels, spots = d.axis.labels, d.axis.spots
    return [
        _event(spots, i, d.axis.spot_game[i], spots.confidence[i], labels, d.spot_label[i])
        for i in _few_of_each(d.false_positives, spots.label)
    ]


def _few_of_each(order: np.ndarray, label: np.ndarray) -> list[int]:
    """The first of `order`, of each class at most `_OF_A_CLASS`."""
    kept: list[int] = []
    seen: Counter[int] = Counter()
    for i in order.tolist():
        seen[int(label[i])] += 1
        if seen[int(label[i])] <= _OF_A_CLASS:
            kept.append(i)
    return kept[:_LISTED]


def _event(
    events: Events, i: int, game: int, confidence: float, others: Events, other: int
) -> dict[str, Any]:
    """Event `i` for a list, with what was taken for it, or it for: `other`, -1 for nothing."""
    half, ms = int(events.half[i]), int(events.position_ms[i])
    return {
        "index": int(game),
        "half": half,
        "ms": ms,
        "time": game_time(half, ms),
        "label": events.classes[events.label[i]],
        "confidence": float(confidence),
        "instead": others.classes[others.label[other]] if other >= 0 else None,
    }


def _spot_list(game: Game) -> dict[str, Any]:
    """The most confident spots of a game without labels, by time, with their thumbnails."""
    spots, pictures = game.spots, dict(game.pictures)
    loud = np.argsort(-spots.confidence, kind="stable")[:_SPOTS_LISTED]
    order = loud[np.lexsort((spots.position_ms[loud], spots.half[loud]))]
    rows = [
        {
            "time": game_time(int(spots.half[i]), int(spots.position_ms[i])),
            "label": spots.classes[spots.label[i]],
            "confidence": float(spots.confidence[i]),
            "probability": None if game.probability is None else float(game.probability[i]),
            "picture": _data_uri(pictures[int(i)]) if int(i) in pictures else None,
        }
        for i in order
    ]
    return {"game": game.name, "rows": rows, "hidden": len(spots) - len(rows)}


def _data_uri(content: bytes) -> str:
    kind = next((kind for magic, kind in _IMAGE_TYPES.items() if content.startswith(magic)), None)
    if kind is None:
        raise InputError("a thumbnail is neither PNG nor JPEG")
    return _uri(kind, content)


def _sha256(text: str) -> str:
    """The hash by which a page's policy knows its own style and script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
