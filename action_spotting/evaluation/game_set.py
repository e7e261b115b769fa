"""Labels and spots of a set of games, brought together game by game."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from SoccerNet.utils import getListGames

from action_spotting.dataset.classes import actions
from action_spotting.dataset.event_files import parse_events
from action_spotting.dataset.event_findings import ERROR, LABELS, PREDICTIONS, WARNING, Finding
from action_spotting.dataset.events import Events
from action_spotting.dataset.layout import LABEL_FILES
from action_spotting.dataset.splits import (
    SOCCERNET_SPLITS,
    SPLITS_FILE,
    check_splits,
    read_splits,
    split_games,
)
from action_spotting.dataset.tree import Tree, composed, open_tree, results_names
from action_spotting.errors import SOME_FAILED, InputError, UsageError
from action_spotting.io.files import parse_json
from action_spotting.io.progress import Progress

_LISTED = 20


@dataclass(frozen=True)
class GameSet:
    """What is to be scored.

    Attributes
    ----------
    games
        Names of the games; `labels` and `spots` have one table for each.
    split, version, prediction_file
        What was asked for, and what it was found to mean.
    listed
        Number of games that the split has.
    left_out
        The reason why each other game of the split is not scored (only where that was allowed).
    broken
        Those of them that are there, but unusable.
    findings
        All that is odd in the files.
    """

    games: tuple[str, ...]
    labels: tuple[Events, ...]
    spots: tuple[Events, ...]
    split: str = "all"
    version: int = 2
    prediction_file: str = ""
    listed: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    broken: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """What the tables' label indices refer to."""
        return self.labels[0].classes if self.labels else actions(self.version)

    @property
    def errors(self) -> list[Finding]:
        """The findings that forbid a score."""
        return [finding for finding in self.findings if finding.severity == ERROR]

    def exit_code(self, *, strict: bool = False) -> int:
        """1 when the set cannot be scored, 3 when unusable games were left out, else 0."""
        if self.findings if strict else self.errors:
            return 1
        return SOME_FAILED if self.broken else 0


def load_set(
    labels: str | Path,
    predictions: str | Path,
    *,
    split: str | None = None,
    version: int = 2,
    prediction_file: str | None = None,
    partial: bool = False,
) -> GameSet:
    """Read the labels and predictions of a split.

    Parameters
    ----------
    labels, predictions
        Folders or zips, ``<league>/<season>/<game>/<file>.json``.
    split
        A split of ``splits.json`` beside the labels, else one of SoccerNet's; ``all`` for the games
        of a folder that is neither. None: ``test``, or ``all`` where there are no splits.
    version
        1 reads ``Labels.json``, 2 ``Labels-v2.json``.
    prediction_file
        Name of the results file of each game; None: found out.
    partial
        Leave out games that lack labels or usable predictions, instead of listing them as errors.

    Raises
    ------
    UsageError
        A side is missing or no game is present on both.
    InputError
        A zip that is not safe to read; with `partial`, no game that is usable.

    Examples
    --------
    >>> load_set("nowhere", "results.zip")
    Traceback (most recent call last):
    ...
    action_spotting.errors.UsageError: labels 'nowhere' does not exist; a folder or a zip is...
    """
    actions(version)
    truth, results = open_tree(labels, "labels"), open_tree(predictions, "predictions")
    split, games = _list_set(truth, split)
    name = prediction_file or _infer_name(truth, results, games, version)
    sides = ((truth, LABEL_FILES[version], LABELS), (results, name, PREDICTIONS))
    missing, findings = _missing(games, sides)
    if partial:
        findings = []
    findings += _extra(results, games, name)
    left_out = dict(missing) if partial else {}
    read: dict[str, list[Events]] = {}
    present = [game for game in games if game not in missing]
    for game in Progress(len(present), "reading", "game", iterable=present):
        tables, problems = _read_game(game, sides, version)
        errors = [problem for problem in problems if problem.severity == ERROR]
        if errors and partial:
            left_out[game] = "; ".join(error.message for error in errors)
            problems = [problem for problem in problems if problem.severity == WARNING]
        findings += problems
        if not errors:
            read[game] = tables
    if partial and not read:
        reasons = [f"{game}: {left_out[game]}" for game in present[:_LISTED]]
        raise InputError("none of the games is usable:\n  " + "\n  ".join(reasons))
    return GameSet(
        games=tuple(read),
        labels=tuple(events for events, _ in read.values()),
        spots=tuple(spots for _, spots in read.values()),
        split=split,
        version=version,
        prediction_file=name,
        listed=len(games),
        left_out=left_out,
        broken=tuple(game for game in present if game in left_out),
        findings=tuple(findings),
    )


_Sides = Sequence[tuple[Tree, str, str]]
"""Labels and predictions: where they lie, how each game's file is called, its kind."""


def _read_game(game: str, sides: _Sides, version: int) -> tuple[list[Events], list[Finding]]:
    tables, findings = [], []
    try:
        for tree, file, kind in sides:
            name = _name(game, file)
            events, found = parse_events(tree.read(name), tree.where(name), kind, version=version)
            tables.append(events)
            findings += found
    except InputError as error:
        findings = [Finding(ERROR, game, str(error))]
    return tables, findings


def _list_set(labels: Tree, split: str | None) -> tuple[str, list[str]]:
    """Give a split's name and its games, present or not; as `dataset.splits`, in a zip too."""
    soccernet = {name: getListGames(name) for name in SOCCERNET_SPLITS}
    if labels.path.is_dir():
        known = read_splits(labels.path)
    elif labels.has(SPLITS_FILE):
        where = labels.where(SPLITS_FILE)
        known = check_splits(parse_json(labels.read(SPLITS_FILE), where), where)
    else:
        there = {_folder(name) for name in labels.names}
        known = soccernet
        if there.isdisjoint(game for part in known.values() for game in part):
            known = {"all": sorted(there)}
    split = split or ("test" if "test" in known else "all")
    try:
        games = split_games(known, split, labels.path)
    except UsageError as error:
        everything = [game for part in soccernet.values() for game in part]
        raise UsageError(f"{error}{_deeper(labels, everything, SPLITS_FILE)}") from error
    return split, list(dict.fromkeys(map(composed, games)))


def _infer_name(truth: Tree, results: Tree, games: Sequence[str], version: int) -> str:
    """Find out how the results files of `games` are called: see `results_names`."""
    wanted = set(games)
    names = {PurePosixPath(n).name for n in results.names if _folder(n) in wanted}
    found = results_names(names, version)
    if len(found) == 1:
        return found[0]
    problem = f"no predictions of these games{_hint(truth, results, games)}"
    if found:
        problem = (
            f"several files could be the predictions: {', '.join(found)}; name one with "
            "--Prediction_file"
        )
    elif names & set(LABEL_FILES.values()):
        problem = (
            "holds label files and no predictions; are --SoccerNet_path and --Predictions_path "
            "swapped?"
        )
    raise UsageError(f"{results.path}: {problem}")


def _missing(games: Sequence[str], sides: _Sides) -> tuple[dict[str, str], list[Finding]]:
    """Why games are not on both sides, by game; and an error for each side that lacks some."""
    missing: dict[str, str] = {}
    findings, there = [], []
    for tree, file, _ in sides:
        lacking = [game for game in games if not tree.has(_name(game, file))]
        there.append(f"{len(games) - len(lacking)} have a {file} in {tree.path}")
        reason = f"no {file} in {tree.path}"
        missing |= dict.fromkeys(lacking, reason)
        if lacking:
            message = (
                f"{reason} for {len(lacking)} of the {len(games)} games of the split (this is the "
                "first); --partial scores the games on both sides"
            )
            findings.append(Finding(ERROR, lacking[0], message))
    if len(missing) == len(games):
        hint = _hint(sides[0][0], sides[1][0], games)
        raise UsageError(
            f"no game of the {len(games)} in the split is on both sides: {' and '.join(there)}"
            + hint
        )
    return missing, findings


def _extra(results: Tree, games: Sequence[str], name: str) -> list[Finding]:
    there = {_folder(file) for file in results.names if PurePosixPath(file).name == name}
    extra = sorted(there - set(games))
    if not extra:
        return []
    message = f"{len(extra)} games with a {name} are not in the split (first: {extra[0]}); not read"
    return [Finding(WARNING, str(results.path), message)]


def _hint(truth: Tree, results: Tree, games: Sequence[str]) -> str:
    """Say where the games lie, when one side has them in a folder more than the other."""
    there = {_folder(name) for name in results.names}
    return _deeper(truth, games) or _deeper(results, games) or _deeper(truth, sorted(there))


def _deeper(tree: Tree, games: Sequence[str], file: str | None = None) -> str:
    """Say where games, or a file that should be at the top, lie in a folder of the tree."""
    wanted = set(games)
    for name in sorted(tree.names):
        parts = PurePosixPath(name).parts
        for depth in range(1, len(parts)):
            if "/".join(parts[depth:-1]) in wanted or parts[depth:] == (file,):
                inner = "/".join(parts[:depth])
                return (
                    f"; in {tree.path} they lie below {inner}/: give that folder, or zip what is "
                    "inside it"
                )
    return ""


def _folder(name: str) -> str:
    return str(PurePosixPath(name).parent)


def _name(game: str, file: str) -> str:
    return str(PurePosixPath(game, file))
