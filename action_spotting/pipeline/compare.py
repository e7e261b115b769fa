"""Heads side by side on the same games: predicted where needed, scored, compared in pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from action_spotting.dataset.layout import Half, predictions_path
from action_spotting.dataset.splits import list_games
from action_spotting.errors import InputError, SpottingError, UsageError
from action_spotting.io.files import read_json, whole_file, write_json
from action_spotting.io.items import Summary
from action_spotting.io.tables import table

if TYPE_CHECKING:
    from action_spotting.evaluation.evaluate import Evaluation
    from action_spotting.evaluation.resampling import Comparison
    from action_spotting.fusion.ensemble import Ensemble

METRICS = ("loose", "tight")
JSON_FILE, CHART_FILE, HEAD_FILE = "comparison.json", "comparison.png", "head.json"
KINDS = ("all", "visible", "not shown")
COLOURS = ("#24617f", "#c4473a", "#6a994e", "#b08968", "#7b6d8d", "#d4a373")


@dataclass
class Compared:
    """Heads that were scored, and those that could not be.

    Attributes
    ----------
    split
        The games.
    evaluations
        Of each head, by its name.
    published
        The scores that its authors publish.
    differences
        Of each head but the first, what it scores more, by metric.
    skipped
        Why a head is not there.
    summaries
        What became of the games, by head.
    """

    split: str
    evaluations: dict[str, Evaluation] = field(default_factory=dict)
    published: dict[str, str] = field(default_factory=dict)
    differences: dict[str, dict[str, Comparison]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    summaries: dict[str, Summary] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """3 where a head was skipped or a game failed, else 0."""
        codes = [summary.exit_code for summary in self.summaries.values()]
        return max([*codes, 3 * bool(self.skipped)])

    def __str__(self) -> str:
        """The averages, the differences, AP by class, and what was skipped."""
        parts = [_averages(self)]
        if self.differences:
            parts.append(_differences(self))
        parts += [_by_class(self, metric) for metric in METRICS if self.evaluations]
        parts += [f"skipped {name}: {reason}" for name, reason in self.skipped.items()]
        parts += [str(summary) for summary in self.summaries.values() if summary.failures]
        return "\n\n".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """Give JSON-able values.

        Returns
        -------
        dict
            Scores, published figures, differences, skipped heads, by name.
        """
        from action_spotting.evaluation.evaluate import comparison_json

        first = next(iter(self.evaluations.values()), None)
        games = first.games.games if first else ()
        return {
            "split": self.split,
            "heads": {name: scored.to_json() for name, scored in self.evaluations.items()},
            "published": self.published,
            "differences": {
                name: comparison_json(games[: len(_games(found))], found)
                for name, found in self.differences.items()
            },
            "skipped": self.skipped,
        }


def _games(found: Mapping[str, Comparison]) -> np.ndarray:
    return next(iter(found.values())).games


def compare_heads(
    root: Path,
    split: str,
    named: Sequence[str],
    out: Path,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Compared:
    """Score heads on the same games; writes ``comparison.json`` and ``comparison.png`` to `out`.

    Predictions go to ``<out>/<head>`` and are used again by a second run, while the head is the
    same.

    Parameters
    ----------
    root
        The dataset folder, with features and labels.
    split
        Its games.
    named
        Names of published heads, or model folders.
    out
        Folder for predictions, table and chart.
    resamples, seed
        Draws of games for the intervals of the differences from the first head.

    Returns
    -------
    Compared
        Its text is the table; a head that cannot be had or whose features are not there is skipped.

    Raises
    ------
    UsageError
        No such split, or a name twice.

    Examples
    --------
    >>> heads = ["spivak-resnet", "my_model"]  # doctest: +SKIP
    >>> print(compare_heads(root, "test", heads, Path("heads")))  # doctest: +SKIP
    """
    from action_spotting.evaluation.evaluate import compare_sets, score_folder

    names = [Path(name).name for name in named]
    if len({*names}) < len(names):
        raise UsageError(f"two heads of one name among {', '.join(named)}; rename a folder")
    games = list_games(root, [split])
    compared = Compared(split)
    for name, given in zip(names, named, strict=True):
        try:
            version = _predict(root, games, given, out / name, compared, name)
            scored = score_folder(root, out / name, split=split, version=version, partial=True)
        except SpottingError as error:
            compared.skipped[name] = str(error)
            continue
        compared.evaluations[name] = scored
    sides = list(compared.evaluations.items())
    for name, scored in sides[1:]:
        try:
            compared.differences[name] = compare_sets(
                sides[0][1].games, scored.games, metrics=METRICS, resamples=resamples, seed=seed
            )[1]
        except SpottingError as error:
            compared.skipped[f"{name} against {sides[0][0]}"] = str(error)
    if compared.evaluations:
        write_json(out / JSON_FILE, compared.as_dict())
        _draw(compared, out / CHART_FILE)
    return compared


def _predict(
    root: Path, games: Sequence[str], given: str, out: Path, compared: Compared, name: str
) -> int:
    """Predict the games that are lacking; gives the version of the head's labels."""
    from action_spotting.fusion.combination import mark
    from action_spotting.fusion.prediction import load_models, predict
    from action_spotting.fusion.published.fetching import model_folders
    from action_spotting.fusion.published.notes import published_of, write_notice

    models = load_models(model_folders([given])[0])
    _check_features(root, games, models)
    heads = {"heads": [mark(model) for model in models.models]}
    known = read_json(out / HEAD_FILE) if (out / HEAD_FILE).is_file() else None
    path = partial(predictions_path, out, version=models.label_version)
    lacking = [game for game in games if known != heads or not path(game).is_file()]
    if lacking:
        compared.summaries[name] = predict(root, lacking, models, out)
        write_json(out / HEAD_FILE, heads)
    write_notice(out, models.models)
    scores = [head.settings.origin.scores for head in published_of(models.models)]
    compared.published[name] = scores[0] if scores else ""
    return models.label_version


def _check_features(root: Path, games: Sequence[str], models: Ensemble) -> None:
    """Raise `InputError` where none of the games has any feature of a head."""
    halves = [Half(root, game, number) for game in games for number in (1, 2)]
    for name in models.modalities:
        if any(half.feature(name).exists() for half in halves):
            return
    raise InputError(f"none of {len(games)} games has {' or '.join(models.modalities)}")


def _averages(compared: Compared) -> str:
    head = ["head", *(f"{m}, {kind}" for m in METRICS for kind in KINDS), "games", "published"]
    rows = [
        [
            name,
            *(_percent(x) for m in METRICS for x in scored.results[m].averages),
            str(len(scored.games.games)),
            compared.published[name] or "-",
        ]
        for name, scored in compared.evaluations.items()
    ]
    title = f"average-mAP of split {compared.split!r}, %"
    return f"{title}\n{table(head, rows)}" if rows else f"{title}: no head could be scored"


def _differences(compared: Compared) -> str:
    first = next(iter(compared.evaluations))
    rows = []
    for name, found in compared.differences.items():
        row = [name]
        for metric in METRICS:
            one = found[metric].average_map
            value, low, high = (100 * float(x[0]) for x in (one.value, one.low, one.high))
            row += [f"{value:+.2f}", f"{low:+.2f} … {high:+.2f}"]
        rows.append(row)
    head = [f"more than {first}", *(text for m in METRICS for text in (m, "95 %"))]
    return f"{table(head, rows)}\nintervals: games drawn with replacement, both heads the same"


def _by_class(compared: Compared, metric: str) -> str:
    classes = list(dict.fromkeys(c for e in compared.evaluations.values() for c in e.games.classes))
    rows = []
    for name in classes:
        row = [name]
        for scored in compared.evaluations.values():
            there = name in scored.games.classes
            at = scored.games.classes.index(name) if there else 0
            row.append(_percent(scored.results[metric].per_class[at]) if there else "-")
        rows.append(row)
    return f"{metric} AP, %\n" + table(["class", *compared.evaluations], rows)


def _draw(compared: Compared, path: Path) -> None:
    """Draw each class's tight AP, a bar a head, and the averages."""
    from matplotlib.figure import Figure

    heads = compared.evaluations
    names = next(iter(heads.values())).games.classes
    rows = [*names, "average, tight", "average, loose"]
    figure = Figure(figsize=(9, 0.12 * len(rows) * (len(heads) + 1) + 1.4), layout="constrained")
    axes, height = figure.subplots(), 0.8 / len(heads)
    for i, (name, scored) in enumerate(heads.items()):
        tight, loose = (scored.results[m] for m in reversed(METRICS))
        per_class = dict(zip(scored.games.classes, tight.per_class, strict=True))
        values = [per_class.get(c, np.nan) for c in names] + [tight.averages[0], loose.averages[0]]
        at = np.arange(len(rows))[::-1] + 0.4 - height * (i + 0.5)
        colour = COLOURS[i % len(COLOURS)]
        axes.barh(at, 100 * np.nan_to_num(values), height, color=colour, label=name)
    axes.set_yticks(np.arange(len(rows))[::-1], rows)
    axes.set(xlim=(0, 100), xlabel="tight AP, %; below: average-mAP, %")
    axes.legend(loc="lower right", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    with whole_file(path) as part:
        figure.savefig(part, dpi=110, metadata={"Software": None})


def _percent(value: float | None) -> str:
    return "-" if value is None or np.isnan(value) else f"{100 * value:.2f}"
