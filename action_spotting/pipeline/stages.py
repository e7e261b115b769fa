"""The stages of the whole chain in order, each skipping what is already done."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from action_spotting.backend import load_backend
from action_spotting.dataset.feature_types import base_of, pca_of
from action_spotting.dataset.splits import list_games
from action_spotting.errors import InputError
from action_spotting.extraction.driver import extract_all
from action_spotting.extraction.job import clear_leftovers, jobs_of_halves
from action_spotting.io.items import Summary, note
from action_spotting.io.tables import table
from action_spotting.pipeline.check import Work, prepare
from action_spotting.pipeline.demo import demo_plan
from action_spotting.pipeline.features import all_here
from action_spotting.pipeline.model_files import keep_pca, pca_files
from action_spotting.pipeline.plan import Plan

if TYPE_CHECKING:
    from action_spotting.evaluation.evaluate import Evaluation

Announce = Callable[[str], None]


@dataclass
class Outcome:
    """What a run of the chain came to.

    Attributes
    ----------
    work
        What it had to do.
    stages
        What each made: its name, its seconds, and a summary or, of the features, several.
    evaluation
        The scores on the test split.
    """

    work: Work
    stages: list[tuple[str, float, list[Summary]]] = field(default_factory=list)
    evaluation: Evaluation | None = None

    @property
    def plan(self) -> Plan:
        """What was asked for, with its defaults filled in."""
        return self.work.plan

    @property
    def exit_code(self) -> int:
        """3 when some item failed in any stage, else 0."""
        codes = [summary.exit_code for _, _, summaries in self.stages for summary in summaries]
        return max(codes, default=0)

    def games(self, split: str) -> list[str]:
        """List the games of a split.

        Parameters
        ----------
        split
            A split of the dataset folder.

        Returns
        -------
        list of str
            In the order of the split.

        Raises
        ------
        UsageError
            Unknown split, or no game of it is there.
        """
        return list_games(self.plan.root, split)


def run_pipeline(
    plan: Plan, announce: Announce, begin: Callable[[], object] = lambda: None
) -> Outcome:
    """Run every stage in order; what is already there is skipped.

    Parameters
    ----------
    plan
        What to do.
    announce
        Takes one line a stage, and one for each default that was chosen.
    begin
        Called when all is checked, before the first stage.

    Returns
    -------
    Outcome
        What each stage made, and the scores.

    Raises
    ------
    SpottingError
        The plan cannot be carried out (all problems are listed before the first stage begins), or
        a stage leaves nothing for the next one.

    Examples
    --------
    >>> from pathlib import Path
    >>> root = Path("SoccerNet")
    >>> plan = Plan(root, Path("model"), Path("predictions"), Path("report.html"))
    >>> outcome = run_pipeline(plan, print)  # doctest: +SKIP
    >>> print(closing_text(outcome))  # doctest: +SKIP
    """
    made = []
    if plan.sample:
        plan, summary = _sample(plan)
        made.append(("sample", summary.seconds, [summary]))
        announce(str(summary))
    outcome = Outcome(prepare(plan, announce), made)
    begin()
    todo = _stages(outcome.plan)
    for i, (name, stage) in enumerate(todo, start=1):
        began = time.monotonic()
        summaries = stage(outcome)
        seconds = time.monotonic() - began
        for summary in summaries:
            summary.seconds = seconds
        outcome.stages.append((name, seconds, summaries))
        announce(f"[{i}/{len(todo)}] " + "\n      ".join(map(str, summaries)))
    return outcome


def _summary_table(outcome: Outcome) -> str:
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


def _sample(plan: Plan) -> tuple[Plan, Summary]:
    """Make the sample matches and what their features need."""
    from action_spotting.sample import make_sample

    began = time.monotonic()
    games = make_sample(plan.root, seed=plan.seed)
    return demo_plan(plan), Summary("sample", done=games, seconds=time.monotonic() - began)


def _stages(plan: Plan) -> list[tuple[str, Callable[[Outcome], list[Summary]]]]:
    reduced = [name for name in plan.modalities or () if pca_of(name)]
    return [
        ("matches", _list_matches),
        ("features", _extract),
        *((name, partial(_reduce, name=name)) for name in reduced),
        ("train", _train),
        ("predict", _predict),
        ("score", _score),
        ("report", _report),
    ]


def _list_matches(outcome: Outcome) -> list[Summary]:
    """List the halves; those with neither media nor features are left out and named."""
    work = outcome.work
    note("matches", work.absent)
    for absence in work.absent.values():
        if outcome.plan.fail_fast:
            raise InputError(absence)
    there = [f"{half.game}, half {half.number}" for half in work.halves]
    return [Summary("matches", skipped=there, failures=work.absent)]


def _extract(outcome: Outcome) -> list[Summary]:
    """Extract what is lacking of all features, each half decoded once."""
    work, plan = outcome.work, outcome.plan
    jobs = [
        job
        for half, names in work.lacking.items()
        for job in jobs_of_halves([half], names, plan.video)
    ]
    makers = {name: partial(work.extractors.__getitem__, name) for name in work.extractors}
    made = {s.stage: s for s in extract_all(makers, jobs, fail_fast=plan.fail_fast)} if jobs else {}
    all_here([*made.values()])
    for name in {n for modality in plan.modalities or () for n in (modality, base_of(modality))}:
        for half in work.halves:
            clear_leftovers(half.feature(name))
    used = [*(name for name in plan.modalities or () if not pca_of(name)), *made, *work.failures]
    summaries = []
    for name in dict.fromkeys(name for name in used if not pca_of(name)):
        summaries.append(_with_others(made.get(name) or Summary(name), work))
    return summaries


def _reduce(outcome: Outcome, name: str) -> list[Summary]:
    """Project what is lacking of a reduced feature; the model keeps the PCA that made it."""
    from action_spotting.reduction.dataset import fitted_on
    from action_spotting.reduction.files import load_pca, save_pca
    from action_spotting.reduction.fitting import fit
    from action_spotting.reduction.projection import reduce_files

    work, plan = outcome.work, outcome.plan
    base, dims = pca_of(name) or (name, 0)
    summary, kept = Summary(name), pca_files(plan.model_dir, name)
    if name in work.pcas:
        keep_pca(work.pcas[name], kept)
    pairs = {half.target(name): half.feature(base) for half in work.reduce[name]}
    pairs = {target: source for target, source in pairs.items() if source.exists()}
    if pairs:
        if name not in work.pcas:
            games = set(outcome.games(plan.train_split))
            sources = [half.feature(base) for half in work.halves if half.game in games]
            learnt = [path for path in sources if path.exists()]
            pca, fitting = fit(learnt, dims, fail_fast=plan.fail_fast)
            save_pca(pca, *kept, fitted_on(plan.root, base, plan.train_split, fitting))
        summary = reduce_files(load_pca(*kept), pairs, fail_fast=plan.fail_fast)
        all_here([summary])
    return [_with_others(replace(summary, stage=name), work)]


def _with_others(summary: Summary, work: Work) -> Summary:
    """Add the files of a feature that were there, or of which none can be made."""
    name = summary.stage
    note(name, dict.fromkeys(work.there[name], ""), "skipped")
    note(name, work.failures[name])
    summary.skipped += work.there[name]
    summary.failures |= work.failures[name]
    return summary


def _train(outcome: Outcome) -> list[Summary]:
    """Train the head on the training split; the validation split chooses the epoch."""
    load_backend()
    from action_spotting.evaluation.scoring import average_map
    from action_spotting.fusion.training import train as train_head

    plan, settings = outcome.plan, outcome.work.settings
    assert settings is not None
    result = train_head(
        plan.root,
        outcome.games(plan.train_split),
        outcome.games(plan.valid_split),
        plan.model_dir,
        settings,
        score=partial(average_map, metric="tight"),
        rates=plan.rates,
        fail_fast=plan.fail_fast,
    )
    done = [str(plan.model_dir)]
    return [Summary("train", done=done, warnings=result.warnings, failures=result.failures)]


def _predict(outcome: Outcome) -> list[Summary]:
    """Spot the matches of the test split."""
    load_backend()
    from action_spotting.fusion.prediction import load_models
    from action_spotting.fusion.prediction import predict as spot

    plan = outcome.plan
    models = load_models([plan.model_dir])
    games = outcome.games(plan.test_split)
    summary = spot(plan.root, games, models, plan.predictions, fail_fast=plan.fail_fast)
    return [replace(summary, stage="predict")]


def _score(outcome: Outcome) -> list[Summary]:
    """Score the test split with SoccerNet's measures; games that are not usable are left out."""
    from action_spotting.evaluation.evaluate import score_folder

    plan = outcome.plan
    evaluation = score_folder(plan.root, plan.predictions, split=plan.test_split, partial=True)
    outcome.evaluation = evaluation
    here = {*outcome.games(plan.test_split)}
    left_out = {game: why for game, why in evaluation.games.left_out.items() if game in here}
    note("score", left_out)
    if plan.fail_fast and left_out:
        raise InputError("; ".join(left_out.values()))
    return [Summary("score", done=list(evaluation.games.games), failures=left_out)]


def _report(outcome: Outcome) -> list[Summary]:
    """Write the HTML report of the test split, with links to its videos."""
    from action_spotting.evaluation.report import games_of, write_report

    plan, evaluation = outcome.plan, outcome.evaluation
    if evaluation:
        games = games_of(evaluation, report=plan.report, root=plan.root, video=plan.video)
        write_report(plan.report, games, evaluation, notes=plan.notes)
    return [Summary("report", done=[str(plan.report)])]


def closing_text(outcome: Outcome) -> str:
    """Sum up a run: what each stage made, the scores, the notes, the path of the report.

    Parameters
    ----------
    outcome
        As `run_pipeline` gives it.

    Returns
    -------
    str
        Several paragraphs.
    """
    parts = [_summary_table(outcome)]
    if outcome.evaluation:
        from action_spotting.evaluation.evaluate import occurring_average
        from action_spotting.evaluation.tables import score_table

        averages = occurring_average(outcome.evaluation)
        occurring = ", ".join(f"{metric} {value:.3f}" for metric, value in averages.items())
        parts.append(score_table(outcome.evaluation))
        parts.append(f"average-mAP over the classes that occur: {occurring}")
    parts += [f"note: {note}" for note in outcome.plan.notes]
    parts.append(f"report: {outcome.plan.report}")
    return "\n\n".join(parts)
