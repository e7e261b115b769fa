"""What of a dataset folder is done: by split and stage, in counts, with what is wrong by file.

Only headers, records and labels are read, so that a season takes seconds.

done
    There, whole and readable.
in work
    Not there; a process has claimed it.
missing
    Not there.
stale
    A feature made with other settings than most files of its name in the folder (of two settings
    that are as frequent, those of the first file count), from other media than lie there now, or,
    if it is a reduced one, from other features. Files without a record are taken as they are.
broken
    Empty, cut short, unreadable, or its record is.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from action_spotting.dataset.event_files import read_labels, read_predictions
from action_spotting.dataset.feature_types import base_of, pca_of
from action_spotting.dataset.features import open_feature
from action_spotting.dataset.layout import Half, labels_path, predictions_path
from action_spotting.dataset.media import check_file
from action_spotting.dataset.records import (
    compare_settings,
    compare_sources,
    media_there,
    read_record,
)
from action_spotting.dataset.splits import read_splits
from action_spotting.errors import SOME_FAILED, InputError, UsageError, worded
from action_spotting.io.locks import claim_path, holder_of
from action_spotting.io.tables import table

STATES = ("done", "in work", "missing", "stale", "broken")
MEDIA, LABELS, PREDICTIONS = "media", "labels", "predictions"


@dataclass
class Finding:
    """What lies at one place.

    Attributes
    ----------
    state
        Of `STATES`.
    reason
        Why it is stale or broken, or who has it in work.
    settings
        Of a feature's record; None without one.
    other_media
        It is stale because the media are others now.
    """

    state: str
    reason: str = ""
    settings: Any = None
    other_media: bool = False


@dataclass
class Manifest:
    """What of a dataset folder is done.

    Attributes
    ----------
    games
        Number of games of each split.
    findings
        ``{split: {stage: {path below the folder: Finding}}}``.
    settings
        Of each feature, those of most of its files; None without a record.
    """

    games: dict[str, int] = field(default_factory=dict)
    findings: dict[str, dict[str, dict[str, Finding]]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def counts(self, split: str, stage: str) -> dict[str, int]:
        """Give how many items of a stage are in each state."""
        found = Counter(finding.state for finding in self.findings[split][stage].values())
        return {state: found[state] for state in STATES}

    def problems(self, state: str) -> dict[str, str]:
        """Give the reason of every item in `state`, by path."""
        return {
            path: finding.reason
            for stages in self.findings.values()
            for found in stages.values()
            for path, finding in found.items()
            if finding.state == state
        }

    @property
    def exit_code(self) -> int:
        """3 when something is stale or broken, else 0: what is missing is merely to be done."""
        return SOME_FAILED if self.problems("stale") or self.problems("broken") else 0

    def to_json(self) -> dict[str, Any]:
        """Give everything as what `json` writes."""
        splits = {
            split: {
                "games": self.games[split],
                "stages": {stage: self.counts(split, stage) for stage in stages},
            }
            for split, stages in self.findings.items()
        }
        problems = {state: self.problems(state) for state in ("in work", "stale", "broken")}
        return {"splits": splits, **problems, "settings": self.settings}

    def __str__(self) -> str:
        """A table of the counts, then what is in work, stale or broken, with who or why."""
        rows: list[Sequence[object]] = [
            [f"{split}: {stage}", *self.counts(split, stage).values()]
            for split, stages in self.findings.items()
            for stage in stages
        ]
        lines = [", ".join(f"{split}: {number} games" for split, number in self.games.items())]
        lines += ["", table(["split: stage", *STATES], rows)]
        for state in ("in work", "stale", "broken"):
            lines += [f"  {state:<7}  {path}: {why}" for path, why in self.problems(state).items()]
        return "\n".join(lines)


def survey(
    root: Path, features: Sequence[str], *, video: str = "LQ", results: Path | None = None
) -> Manifest:
    """Look at everything that the games of a dataset folder should have.

    Parameters
    ----------
    root
        The dataset folder.
    features
        Names of features; those that reduced ones come from are looked at too.
    video
        Which media.
    results
        A folder of predictions, or None.

    Raises
    ------
    UsageError
        No game of any split is there.
    """
    splits = {
        split: games
        for split, games in read_splits(root).items()
        if any((root / game).is_dir() for game in games)
    }
    if not splits:
        raise UsageError(f"{root}: no game of any split is there")
    halves = {
        split: [Half(root, game, number) for game in games for number in (1, 2)]
        for split, games in splits.items()
    }
    found, usual = look([half for part in halves.values() for half in part], features, video)
    manifest = Manifest({split: len(games) for split, games in splits.items()}, settings=usual)
    for split, games in splits.items():
        stages = {
            MEDIA: _media(halves[split], video),
            LABELS: _each(games, root, labels_path, read_labels),
        }
        for name, findings in found.items():
            stages[name] = {_below(h.feature(name), root): findings[h] for h in halves[split]}
        if results is not None:
            stages[PREDICTIONS] = _each(games, results, predictions_path, read_predictions)
        manifest.findings[split] = stages
    return manifest


def look(
    halves: Sequence[Half], features: Sequence[str], video: str = "LQ"
) -> tuple[dict[str, dict[Half, Finding]], dict[str, Any]]:
    """Look at the feature files of halves.

    Parameters
    ----------
    halves, features, video
        As for `survey`.

    Returns
    -------
    findings, settings
        By feature, those that reduced ones come from included: what lies there for each half, and
        the settings of most files.
    """
    names = list(dict.fromkeys(name for f in features for name in (base_of(f), f)))
    media = cache(partial(media_there, video=video))
    found = {name: {half: _feature(half, name, media) for half in halves} for name in names}
    usual = {name: _usual(list(found[name].values())) for name in names}
    for name, findings in found.items():
        for half, finding in findings.items():
            if finding.settings is None or finding.state != "done":
                continue
            source = found[base_of(name)][half].settings if pca_of(name) else None
            differences = compare_settings(finding.settings, usual[name])
            if not differences and source and finding.settings.get("features"):
                differences = compare_settings(finding.settings["features"], source, "features")
            if differences:
                finding.state = "stale"
                finding.reason = f"made with other settings: {'; '.join(differences)}"
    return found, usual


def _feature(half: Half, name: str, media: Callable[[Half], Sequence[Any]]) -> Finding:
    path = half.feature(name)
    try:
        if not path.exists():
            if not claim_path(path).exists():
                return Finding("missing")
            return Finding("in work", str(holder_of(path) or "a process that has just begun"))
        open_feature(path)
        record = read_record(path)
    except (InputError, PermissionError) as error:
        return Finding("broken", worded(error))
    if record is None:
        return Finding("done")
    if record.get("source") and (differences := compare_sources(record, media(half))):
        reason = f"made from other media: {'; '.join(differences)}"
        return Finding("stale", reason, record["settings"], other_media=True)
    return Finding("done", settings=record["settings"])


def _usual(findings: Sequence[Finding]) -> Any:
    """Give the most frequent settings, or None where there is no record."""
    keys = [json.dumps(f.settings, sort_keys=True) for f in findings if f.settings is not None]
    return json.loads(Counter(keys).most_common(1)[0][0]) if keys else None


def _media(halves: Sequence[Half], video: str) -> dict[str, Finding]:
    found = {}
    for half in halves:
        try:
            finding = _checked(half.clip(video).path, check_file)
        except InputError as error:
            shut = half.folder.is_dir() and not os.access(half.folder, os.R_OK)
            finding = Finding("broken", str(error)) if shut else Finding("missing")
        found[f"{half.game}, half {half.number}"] = finding
    return found


def _each(
    games: Sequence[str],
    root: Path,
    place: Callable[[Path, str], Path],
    read: Callable[[Path], Any],
) -> dict[str, Finding]:
    paths = [place(root, game) for game in games]
    return {_below(path, root): _checked(path, read) for path in paths}


def _checked(path: Path, read: Callable[[Path], Any]) -> Finding:
    try:
        if not path.exists():
            return Finding("missing")
        read(path)
    except (InputError, PermissionError) as error:
        return Finding("broken", worded(error))
    return Finding("done")


def _below(path: Path, root: Path) -> str:
    """Give a path as seen from the data set; as it is where it lies elsewhere."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()
