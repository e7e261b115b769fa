"""What each modality adds: every one alone, every one left out, all together."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.event_files import read_labels
from action_spotting.dataset.events import Events
from action_spotting.dataset.layout import labels_path
from action_spotting.errors import UsageError
from action_spotting.fusion.calibration import Scorer
from action_spotting.fusion.ensemble import Ensemble
from action_spotting.fusion.prediction import predict_game
from action_spotting.fusion.published.model import PublishedModel
from action_spotting.io.files import whole_file, write_json
from action_spotting.io.items import Summary, run_items
from action_spotting.io.tables import table

METRICS = ("tight", "loose")
TABLE_FILE, CHART_FILE = "ablation.json", "ablation.png"
TRUNK = "embedding"
"""The name of the fused trunk among the learned weights."""


@dataclass(frozen=True)
class Ablation:
    """Scores of each choice of modalities.

    Attributes
    ----------
    classes
        Names of the classes.
    scores
        ``{metric: {choice: score}}``, as the scorer gives them.
    weights
        Learned weight of the trunk and of each modality's branch, ``{name: (classes,)}``, as
        fractions of their sum; empty where the head has none, or several heads are averaged.
    summary
        The games that were scored, and those that could not be.
    """

    classes: tuple[str, ...]
    scores: dict[str, dict[str, Any]]
    weights: dict[str, np.ndarray]
    summary: Summary

    def __str__(self) -> str:
        """The tight table, the averages, the learned weights, and what failed."""
        text = "tight AP, %\n" + self._by_class(
            {choice: score.per_class for choice, score in self.scores["tight"].items()},
            [
                [f"average, {metric}", *(_percent(s.average_map) for s in scores.values())]
                for metric, scores in self.scores.items()
            ],
        )
        if self.weights:
            text += "\n\nlearned weights, %\n" + self._by_class(self.weights, [])
        return f"{text}\n{self.summary}"

    def _by_class(self, columns: dict[str, np.ndarray], last: list[list[str]]) -> str:
        rows = [
            [name, *(_percent(values[c]) for values in columns.values())]
            for c, name in enumerate(self.classes)
        ]
        return table(["class", *columns], rows + last)

    def as_dict(self) -> dict[str, Any]:
        """Give JSON-able values.

        Returns
        -------
        dict
            Classes, scores, learned weights, games and failures.
        """
        return {
            "classes": list(self.classes),
            "average": {
                metric: {choice: float(score.average_map) for choice, score in scores.items()}
                for metric, scores in self.scores.items()
            },
            "per_class": {
                metric: {choice: np.asarray(s.per_class).tolist() for choice, s in scores.items()}
                for metric, scores in self.scores.items()
            },
            "shares": {name: values.tolist() for name, values in self.weights.items()},
            "games": self.summary.done,
            "failures": self.summary.failures,
        }


def choices(modalities: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """List the choices of modalities, with the modalities that each leaves out.

    Parameters
    ----------
    modalities
        Names of all modalities.

    Returns
    -------
    dict
        Modalities left out, by ``all``, ``only <name>`` and ``without <name>``.

    Examples
    --------
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
    root: Path, games: Sequence[str], models: Ensemble, out: Path, *, score: Scorer
) -> Ablation:
    """Score every choice of modalities; writes ``ablation.json`` and ``ablation.png`` to `out`.

    Parameters
    ----------
    root
        The dataset folder, with features and labels.
    games
        Games below it.
    models
        The head or heads.
    out
        Folder for table and chart.
    score
        Called as ``score(annotations, spots, metric="tight" or "loose")``.

    Returns
    -------
    Ablation
        Scores of each choice; its text is a table.

    Raises
    ------
    UsageError
        No game could be scored.

    Examples
    --------
    >>> score = average_map  # doctest: +SKIP
    >>> print(ablate(root, games, models, Path("out"), score=score))  # doctest: +SKIP
    """
    named = choices(models.modalities)
    annotations: dict[str, Events] = {}
    spots: dict[str, dict[str, Events]] = {}

    def work(game: str) -> tuple[str, str | None]:
        path = labels_path(root, game, models.label_version)
        truth = read_labels(path, version=models.label_version, classes=models.classes)
        spots[game] = {c: predict_game(root, game, models, without=w)[0] for c, w in named.items()}
        annotations[game] = truth
        return "done", None

    summary = run_items("ablate", {game: game for game in games}, work)
    if not annotations:
        raise UsageError(f"no game could be scored\n{summary}")
    truths = list(annotations.values())
    scores = {
        metric: {c: score(truths, [spots[g][c] for g in annotations], metric=metric) for c in named}
        for metric in METRICS
    }
    ablation = Ablation(models.classes, scores, _learned_weights(models), summary)
    write_json(out / TABLE_FILE, ablation.as_dict())
    _draw(ablation, out / CHART_FILE)
    return ablation


def _learned_weights(models: Ensemble) -> dict[str, np.ndarray]:
    """Give the weights by class that a single head with branches has learned, as fractions."""
    head = models.models[0]
    if len(models.models) > 1 or isinstance(head, PublishedModel):
        return {}
    settings = head.settings
    if settings.head != "dense" or settings.fusion == "embedding":
        return {}
    weights = np.asarray(head.network.summand_weights)
    names = ([TRUNK] if settings.fusion == "hybrid" else []) + list(settings.modalities)
    return dict(zip(names, weights / weights.sum(axis=0), strict=True))


def _draw(ablation: Ablation, path: Path) -> None:
    """Draw each class's tight AP: all modalities as a bar, each alone as a mark."""
    from matplotlib.figure import Figure

    tight, names = ablation.scores["tight"], [*ablation.classes, "average"]

    def values(choice: str) -> np.ndarray:
        return 100 * np.nan_to_num([*tight[choice].per_class, tight[choice].average_map])

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
