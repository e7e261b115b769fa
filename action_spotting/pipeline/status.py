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
    that are as frequent, those of the first file count), or a reduced feature made from other
    features than those that now lie beside it. Files without a record are taken as they are.
broken
    Empty, cut short, unreadable, or its record is.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from action_spotting.dataset.event_files import read_labels, read_predictions
from action_spotting.dataset.feature_types import base_of, pca_of
from action_spotting.dataset.features import compare_settings, open_feature, read_record
from action_spotting.dataset.layout import (
    Half,
    feature_path,
    labels_path,
    parse_feature,
    predictions_path,
)
from action_spotting.dataset.media import check_file
from action_spotting.dataset.splits import read_splits
from action_spotting.errors import SOME_FAILED, InputError, UsageError
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
    """

    state: str
    reason: str = ""
    settings: Any = None


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
        return {
            "splits": {
                split: {
                    "games": self.games[split],
                    "stages": {stage: self.counts(split, stage) for stage in stages},
                }
                for split, stages in self.findings.items()
            },
            "in work": self.problems("in work"),
            "stale": self.problems("stale"),
            "broken": self.problems("broken"),
            "settings": self.settings,
        }

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
    names = list(dict.fromkeys(name for modality in features for name in _with_base(modality)))
    manifest = Manifest()
    for split, games in read_splits(root).items():
        if not any((root / game).is_dir() for game in games):
            continue
        halves = [Half(root, game, number) for game in games for number in (1, 2)]
        stages = {
            MEDIA: _media(halves, video),
            LABELS: _each(games, root, labels_path, read_labels),
        }
        for name in names:
            stages[name] = {
                _below(half.feature(name), root): _feature(half.feature(name)) for half in halves
            }
        if results is not None:
            stages[PREDICTIONS] = _each(games, results, predictions_path, read_predictions)
        manifest.games[split] = len(games)
        manifest.findings[split] = stages
    if not manifest.games:
        raise UsageError(f"{root}: no game of any split is there")
    for name in names:
        _find_stale(manifest, name)
    return manifest


def _with_base(modality: str) -> list[str]:
    return [base_of(modality), modality]


def _media(halves: Sequence[Half], video: str) -> dict[str, Finding]:
    found = {}
    for half in halves:
        name = f"{half.game}, half {half.number}"
        try:
            clip = half.clip(video)
        except InputError:
            found[name] = Finding("missing")
            continue
        found[name] = _checked(clip.path, check_file)
    return found


def _each(
    games: Sequence[str],
    root: Path,
    place: Callable[[Path, str], Path],
    read: Callable[[Path], Any],
) -> dict[str, Finding]:
    paths = [place(root, game) for game in games]
    return {
        _below(path, root): _checked(path, read) if path.exists() else Finding("missing")
        for path in paths
    }


def _checked(path: Path, read: Callable[[Path], Any]) -> Finding:
    try:
        read(path)
    except InputError as error:
        return Finding("broken", str(error))
    return Finding("done")


def _feature(path: Path) -> Finding:
    if not path.exists():
        if not claim_path(path).exists():
            return Finding("missing")
        return Finding("in work", str(holder_of(path) or "a process that has just begun"))
    try:
        open_feature(path)
        record = read_record(path)
    except InputError as error:
        return Finding("broken", str(error))
    return Finding("done", settings=record["settings"] if record else None)


def _find_stale(manifest: Manifest, name: str) -> None:
    """Mark the files of a feature that do not go with the others, or with what they come from."""
    known = [f.settings for _, _, f in _files(manifest, name) if f.settings is not None]
    keys = [json.dumps(settings, sort_keys=True) for settings in known]
    usual = json.loads(Counter(keys).most_common(1)[0][0]) if keys else None
    manifest.settings[name] = usual
    for split, path, finding in _files(manifest, name):
        if finding.settings is None:
            continue
        differences = compare_settings(finding.settings, usual)
        if not differences and pca_of(name):
            differences = _other_source(manifest.findings[split], name, path, finding.settings)
        if differences:
            finding.state = "stale"
            finding.reason = f"made with other settings: {'; '.join(differences)}"


def _other_source(
    stages: Mapping[str, Mapping[str, Finding]], name: str, path: str, settings: Mapping[str, Any]
) -> list[str]:
    """Name the settings in which a reduced feature's source is another now."""
    base, (number, _) = base_of(name), parse_feature(Path(path)) or (0, "")
    source = stages[base][feature_path(Path(path).parent, number, base).as_posix()]
    if source.settings is None or settings.get("features") is None:
        return []
    return compare_settings(settings["features"], source.settings, "features")


def _files(manifest: Manifest, name: str) -> Iterator[tuple[str, str, Finding]]:
    for split, stages in manifest.findings.items():
        for path, finding in stages[name].items():
            yield split, path, finding


def _below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
