"""The stages of the whole chain in order, each skipping what is already done."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from action_spotting.backend import load_tensorflow
from action_spotting.dataset.feature_types import base_of, pca_of
from action_spotting.dataset.layout import Half
from action_spotting.dataset.splits import list_games, list_halves
from action_spotting.errors import InputError, SpottingError
from action_spotting.extraction.driver import extract_all
from action_spotting.extraction.job import jobs_of_halves
from action_spotting.extraction.registry import make_extractor
from action_spotting.io.items import Summary
from action_spotting.io.tables import table
from action_spotting.pipeline.demo import demo_plan
from action_spotting.pipeline.features import all_here
from action_spotting.pipeline.model_files import pca_files
from action_spotting.pipeline.plan import Plan

if TYPE_CHECKING:
    from action_spotting.evaluation.evaluate import Evaluation

Announce = Callable[[str], None]


@dataclass
class Outcome:
    """What a run of the chain came to.

    Attributes
    ----------
    plan
        What is being done.
    stages
        What each made: its name, its seconds, and a summary or, of the features, several.
    evaluation
        The scores on the test split.
    """

    plan: Plan
    stages: list[tuple[str, float, list[Summary]]] = field(default_factory=list)
    evaluation: Evaluation | None = None

    @property
    def exit_code(self) -> int:
        """3 when some item failed in any stage, else 0."""
        codes = [summary.exit_code for _, _, summaries in self.stages for summary in summaries]
        return max(codes, default=0)

    @cached_property
    def halves(self) -> list[Half]:
        """The halves of all splits that have media or features."""
        found = list_halves(self.plan.root, self.plan.splits)
        return [half for half in found if _absence(half, self.plan.video) is None]

    def games(self, split: str) -> list[str]:
        """The games of a split."""
        return list_games(self.plan.root, split)


def run_pipeline(plan: Plan, announce: Announce) -> Outcome:
    """Run every stage in order; what is already there is skipped.

    Parameters
    ----------
    plan
        What to do.
    announce
        Takes one line a stage.

    Raises
    ------
    SpottingError
        When a stage leaves nothing for the next one to work on.
    """
    outcome = Outcome(plan)
    todo = _stages(plan)
    for i, (name, stage) in enumerate(todo, start=1):
        began = time.monotonic()
        summaries = stage(outcome)
        seconds = time.monotonic() - began
        for summary in summaries:
            summary.seconds = seconds
        outcome.stages.append((name, seconds, summaries))
        announce(f"[{i}/{len(todo)}] " + "\n      ".join(map(str, summaries)))
    return outcome


def summary_table(outcome: Outcome) -> str:
    """Lay out what each stage made and how long it took."""
    rows: list[list[object]] = []
    for name, seconds, summaries in outcome.stages:
        time_s = f"{seconds:.1f} s"
        if len(summaries) > 1:  # made side by side
            rows.append([name, "", "", "", time_s])
            time_s = ""
        rows += [[s.stage, len(s.done), len(s.skipped), len(s.failures), time_s] for s in summaries]
    total = sum(seconds for _, seconds, _ in outcome.stages)
    rows.append(["total", "", "", "", f"{total:.1f} s"])
    return table(["stage", "made", "already there", "failed", "time"], rows)


def occurring_average(evaluation: Evaluation) -> dict[str, float]:
    """Give each metric's average-mAP over the classes that occur, in [0, 1].

    SoccerNet's own average counts a class that never occurs as 0.
    """
    return {
        metric: float(np.mean(result.per_class[result.visible + result.unshown > 0]))
        for metric, result in evaluation.results.items()
    }


def _stages(plan: Plan) -> list[tuple[str, Callable[[Outcome], list[Summary]]]]:
    reduced = [name for name in plan.modalities if pca_of(name)]
    return [
        *([("sample", sample)] if plan.sample else []),
        ("matches", check_matches),
        ("features", extract),
        *((name, partial(reduce, name=name)) for name in reduced),
        ("train", train),
        ("predict", predict),
        ("score", score),
        ("report", report),
    ]


def sample(outcome: Outcome) -> list[Summary]:
    """Make the sample matches and what their features need."""
    from action_spotting.sample import make_sample

    games = make_sample(outcome.plan.root, seed=outcome.plan.seed)
    outcome.plan = demo_plan(outcome.plan)
    return [Summary("sample", done=games)]


def check_matches(outcome: Outcome) -> list[Summary]:
    """List the halves; those with neither media nor features are left out and named."""
    plan = outcome.plan
    summary = Summary("matches")
    for half in list_halves(plan.root, plan.splits):
        absence = _absence(half, plan.video)
        if absence:
            if plan.fail_fast:
                raise InputError(absence)
            summary.failures[f"{half.game}, half {half.number}"] = absence
        else:
            summary.skipped.append(f"{half.game}, half {half.number}")
    return [summary]


def extract(outcome: Outcome) -> list[Summary]:
    """Extract all features of every half, each half decoded once."""
    plan = outcome.plan
    bases = list(dict.fromkeys(base_of(name) for name in plan.modalities))
    makers = {base: partial(make_extractor, base, plan.pretrained) for base in bases}
    jobs = jobs_of_halves(outcome.halves, bases, plan.video)
    summaries = extract_all(makers, jobs, fail_fast=plan.fail_fast)
    all_here(summaries)
    return summaries


def reduce(outcome: Outcome, name: str) -> list[Summary]:
    """Fit the PCA on the training split, unless the model has one; reduce every half."""
    from action_spotting.reduction.files import load_pca, save_pca
    from action_spotting.reduction.pca import fit, reduce_files

    plan = outcome.plan
    base, dims = pca_of(name) or (name, 0)
    sources = {half: half.feature(base) for half in outcome.halves if half.feature(base).exists()}
    files = pca_files(plan.model_dir, dims)
    if not files[0].exists():
        games = set(outcome.games(plan.train_split))
        learnt = [path for half, path in sources.items() if half.game in games]
        pca, _ = fit(learnt, dims, fail_fast=plan.fail_fast)
        save_pca(pca, *files)
    pca = load_pca(*files)
    pairs = {half.feature(name): path for half, path in sources.items()}
    summary = replace(reduce_files(pca, pairs, fail_fast=plan.fail_fast), stage=name)
    all_here([summary])
    return [summary]


def train(outcome: Outcome) -> list[Summary]:
    """Train the head on the training split; the validation split chooses the epoch."""
    load_tensorflow()
    from action_spotting.evaluation.scoring import average_map
    from action_spotting.fusion.settings import make_settings
    from action_spotting.fusion.training import train as train_head

    plan = outcome.plan
    settings = make_settings(
        plan.preset, modalities=plan.modalities, epochs=plan.epochs, seed=plan.seed
    )
    result = train_head(
        plan.root,
        outcome.games(plan.train_split),
        outcome.games(plan.valid_split),
        plan.model_dir,
        settings,
        score=partial(average_map, metric="tight"),
        fail_fast=plan.fail_fast,
    )
    done = [str(plan.model_dir)]
    return [Summary("train", done=done, warnings=result.warnings, failures=result.failures)]


def predict(outcome: Outcome) -> list[Summary]:
    """Spot the matches of the test split."""
    load_tensorflow()
    from action_spotting.fusion.prediction import load_models
    from action_spotting.fusion.prediction import predict as spot

    plan = outcome.plan
    models = load_models([plan.model_dir])
    games = outcome.games(plan.test_split)
    summary = spot(plan.root, games, models, plan.predictions, fail_fast=plan.fail_fast)
    return [replace(summary, stage="predict")]


def score(outcome: Outcome) -> list[Summary]:
    """Score the test split with SoccerNet's measures."""
    from action_spotting.evaluation.evaluate import score_folder

    plan = outcome.plan
    outcome.evaluation = score_folder(plan.root, plan.predictions, split=plan.test_split)
    return [Summary("score", done=list(outcome.evaluation.games.games))]


def report(outcome: Outcome) -> list[Summary]:
    """Write the HTML report of the test split, with links to its videos."""
    from action_spotting.evaluation.report import games_of, write_report

    plan, evaluation = outcome.plan, outcome.evaluation
    if evaluation:
        games = games_of(evaluation, report=plan.report, root=plan.root, video=plan.video)
        write_report(plan.report, games, evaluation, notes=plan.notes)
    return [Summary("report", done=[str(plan.report)])]


def closing_text(outcome: Outcome) -> str:
    """Word the end of a run: what each stage made, the scores, what to know, where to look."""
    parts = [summary_table(outcome)]
    if outcome.evaluation:
        from action_spotting.evaluation.tables import score_table

        averages = occurring_average(outcome.evaluation)
        occurring = ", ".join(f"{metric} {value:.3f}" for metric, value in averages.items())
        parts.append(score_table(outcome.evaluation))
        parts.append(f"average-mAP over the classes that occur: {occurring}")
    parts += [f"note: {note}" for note in outcome.plan.notes]
    parts.append(f"report: {outcome.plan.report}")
    return "\n\n".join(parts)


def _absence(half: Half, video: str) -> str | None:
    """Why a half can give nothing, or None when it has media or features."""
    if half.features():
        return None
    try:
        half.clip(video)
    except SpottingError as error:
        return str(error)
    return None
