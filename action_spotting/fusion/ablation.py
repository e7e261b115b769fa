"""What each modality adds: every one alone, every one left out, all together."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.event_files import read_labels
from action_spotting.dataset.events import Events
from action_spotting.dataset.layout import labels_path
from action_spotting.errors import UsageError
from action_spotting.fusion.calibration import Score
from action_spotting.fusion.prediction import Ensemble, predict_game
from action_spotting.io.files import whole_file, write_json
from action_spotting.io.items import Summary, run_items
from action_spotting.io.tables import table

METRICS = ("tight", "loose")
TABLE_FILE = "ablation.json"
CHART_FILE = "ablation.png"
TRUNK = "embedding"
"""The name of the fused trunk among the learned weights."""

MetricScorer = Callable[..., Score]
"""``score(annotations, spots, metric=…)``: the evaluation room's ``average_map``."""


@dataclass(frozen=True)
class Ablation:
    """Scores of each choice of modalities.

    Attributes
    ----------
    classes
        Names of the classes.
    average
        ``{metric: {choice: average-mAP}}``, in [0, 1].
    per_class
        ``{metric: {choice: AP of each class}}``.
    shares
        Learned weight of the trunk and of each modality's branch, ``{name: (classes,)}``, as
        shares of their sum; empty where the head has none, or several heads are averaged.
    summary
        The games that were scored, and those that could not be.
    """

    classes: tuple[str, ...]
    average: dict[str, dict[str, float]]
    per_class: dict[str, dict[str, list[float]]]
    shares: dict[str, list[float]]
    summary: Summary

    def __str__(self) -> str:
        """The tight table, the averages, the learned weights, and what failed."""
        tight = self.per_class["tight"]
        rows = [
            [name, *(_percent(tight[choice][c]) for choice in tight)]
            for c, name in enumerate(self.classes)
        ]
        for metric in METRICS:
            rows.append([f"average, {metric}", *map(_percent, self.average[metric].values())])
        text = "tight AP, %\n" + table(["class", *tight], rows)
        if self.shares:
            weights = [
                [name, *(_percent(share[c]) for share in self.shares.values())]
                for c, name in enumerate(self.classes)
            ]
            text += "\n\nlearned weights, %\n" + table(["class", *self.shares], weights)
        return f"{text}\n{self.summary}"


def choices(modalities: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Name the choices of modalities, with what each leaves out.

    >>> choices(["A", "B", "C"])["only B"]
    ('A', 'C')
    """
    named: dict[str, tuple[str, ...]] = {"all": ()}
    if len(modalities) > 1:
        named |= {f"only {m}": tuple(x for x in modalities if x != m) for m in modalities}
    if len(modalities) > 2:
        named |= {f"without {m}": (m,) for m in modalities}
    return named


def ablate(
    root: Path, games: Sequence[str], models: Ensemble, out: Path, *, score: MetricScorer
) -> Ablation:
    """Score every choice of modalities; writes ``ablation.json`` and ``ablation.png`` to `out`.

    Parameters
    ----------
    root, games
        Features and labels.
    models
        The head or heads.
    out
        Folder for table and chart.
    score
        ``score(annotations, spots, metric="tight" | "loose")``.

    Raises
    ------
    UsageError
        No game could be scored.
    """
    named = choices(models.modalities)
    annotations: dict[str, Events] = {}
    spots: dict[str, dict[str, Events]] = {choice: {} for choice in named}

    def work(game: str) -> tuple[str, str | None]:
        path = labels_path(root, game, models.label_version)
        truth = read_labels(path, version=models.label_version, classes=models.classes)
        found = {c: predict_game(root, game, models, without=w)[0] for c, w in named.items()}
        annotations[game] = truth
        for choice, mine in found.items():
            spots[choice][game] = mine
        return "done", None

    summary = run_items("ablate", {game: game for game in games}, work)
    if not annotations:
        raise UsageError(f"no game could be scored\n{summary}")
    truths = list(annotations.values())
    results = {
        metric: {c: score(truths, [spots[c][g] for g in annotations], metric=metric) for c in named}
        for metric in METRICS
    }
    ablation = Ablation(
        models.classes,
        {m: {c: float(r.average_map) for c, r in x.items()} for m, x in results.items()},
        {
            m: {c: np.asarray(r.per_class).tolist() for c, r in x.items()}
            for m, x in results.items()
        },
        learned_shares(models),
        summary,
    )
    write_json(out / TABLE_FILE, as_dict(ablation))
    draw(ablation, out / CHART_FILE)
    return ablation


def learned_shares(models: Ensemble) -> dict[str, list[float]]:
    """Give the class weights that a single head with branches has learned."""
    settings = models.models[0].settings
    if len(models.models) > 1 or settings.head != "dense" or settings.fusion == "embedding":
        return {}
    shares = np.asarray(models.models[0].network.shares)
    names = ([TRUNK] if settings.fusion == "hybrid" else []) + list(settings.modalities)
    return dict(zip(names, (shares / shares.sum(axis=0)).tolist(), strict=True))


def as_dict(ablation: Ablation) -> dict[str, Any]:
    """Give JSON-able values."""
    return {
        "classes": list(ablation.classes),
        "average": ablation.average,
        "per_class": ablation.per_class,
        "shares": ablation.shares,
        "games": ablation.summary.done,
        "failures": ablation.summary.failures,
    }


def draw(ablation: Ablation, path: Path) -> None:
    """Draw each class's tight AP: all modalities as a bar, each alone as a mark."""
    from matplotlib.figure import Figure

    tight = ablation.per_class["tight"]
    names = [*ablation.classes, "average"]

    def values(choice: str) -> np.ndarray:
        return 100 * np.nan_to_num([*tight[choice], ablation.average["tight"][choice]])

    figure = Figure(figsize=(9, 0.36 * len(names) + 1.6), layout="constrained")
    axes = figure.subplots()
    at = np.arange(len(names))[::-1]
    axes.barh(at, values("all"), 0.7, color="#c9d6df", label="all modalities")
    alone = [choice for choice in tight if choice.startswith("only ")]
    for choice, marker in zip(alone, itertools.cycle("osD^vPX*"), strict=False):
        axes.plot(values(choice), at, marker, markersize=6, label=choice, clip_on=False)
    axes.set_yticks(at, names)
    axes.axhline(0.5, color="#888888", linewidth=0.8)
    axes.set_xlim(0, 100)
    axes.set_xlabel("tight AP, %")
    axes.set_title("What each modality finds alone, and all together")
    axes.legend(loc="lower right", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    with whole_file(path) as part:
        figure.savefig(part, dpi=110, metadata={"Software": None})


def _percent(value: float) -> str:
    return "-" if np.isnan(value) else f"{100 * value:.1f}"
