"""What the report shows of scores and errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from action_spotting.dataset.events import Events, game_time
from action_spotting.dataset.match_names import heading
from action_spotting.evaluation import figures
from action_spotting.evaluation.diagnosis import Diagnosis
from action_spotting.evaluation.evaluate import Evaluation, occurring_average
from action_spotting.evaluation.report_page import class_data, data_uri
from action_spotting.evaluation.scoring import Result

_LISTED = 25
_OF_A_CLASS = 3


def score_context(evaluation: Evaluation, diagnosis: Diagnosis) -> dict[str, Any]:
    """What the template shows of the scores."""
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
    titles = [heading(game).title.split("/")[-1] for game in evaluation.games.games]
    return {
        "occurring": occurring_average(evaluation),
        "occur": int((first.visible + first.unshown > 0).sum()),
        "metrics": list(results.values()),
        "version2": version2,
        "best": first.best,
        "classes": class_data(first.classes),
        "rows": range(len(first.classes)),
        "pictures": {k: data_uri("image/svg+xml", figures.to_svg(f)) for k, f in pictures.items()},
        "tolerances": tolerances,
        "by_tolerance": by_tolerance,
        "confusion": diagnosis.confusion,
        "diagnosis": diagnosis,
        "misses": _named(_misses(diagnosis), titles),
        "false_positives": _named(_false_positives(diagnosis), titles),
    }


def _tolerances(results: Mapping[str, Result]) -> tuple[list[int], np.ndarray]:
    """All tolerances scored and the AP at each; ``(3, tolerances, classes)``."""
    at = {t: r.ap[:, i] for r in results.values() for i, t in enumerate(r.tolerances_s)}
    tolerances = sorted(at)
    return tolerances, np.stack([at[t] for t in tolerances], axis=1)


def _named(rows: list[dict[str, Any]], titles: list[str]) -> list[dict[str, Any]]:
    return [row | {"game": titles[row["index"]]} for row in rows]


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
