"""The halves of a split: which features are there, how long they are, what happened when."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.event_files import read_labels
from action_spotting.dataset.events import Events
from action_spotting.dataset.features import align, compare_settings, open_feature, read_record
from action_spotting.dataset.layout import Half, labels_path
from action_spotting.errors import InputError, UsageError, unknown

_FEATURE_FILE = re.compile(r"[12]_(.+)\.npy")


@dataclass(frozen=True)
class HalfData:
    """One half: its feature files and its events.

    Attributes
    ----------
    half
        Which half of which game.
    rows
        Rows that all its modalities have.
    paths
        The feature file of each modality that is there.
    time_s
        Times of the events; float array ``(n,)``.
    label
        Their classes; int array ``(n,)``.
    """

    half: Half
    rows: int
    paths: Mapping[str, Path]
    time_s: np.ndarray
    label: np.ndarray


@dataclass
class Matches:
    """The halves that can be used, what their features are, and what is wrong with the others."""

    halves: list[HalfData] = field(default_factory=list)
    games: list[str] = field(default_factory=list)
    annotations: list[Events] = field(default_factory=list)
    dims: dict[str, int] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows of all halves."""
        return sum(half.rows for half in self.halves)


def open_matches(
    root: Path,
    games: Sequence[str],
    modalities: Sequence[str],
    *,
    classes: Sequence[str],
    version: int = 2,
    labels: bool = True,
) -> Matches:
    """Look at the feature files (headers only) and labels of `games`.

    A game that cannot be used is listed in ``failures`` with its reason and left out; a half
    without one of the modalities is used without it.

    Raises
    ------
    UsageError
        A modality is in none of the games (the nearest existing one is named).
    InputError
        Two files of a modality have other widths or were made with other settings, or no game
        can be used.
    """
    _check_modalities(root, games, modalities)
    matches = Matches()
    for game in games:
        try:
            annotations = _annotations(root, game, classes, version, labels)
            halves = [_open_half(Half(root, game, n), modalities, annotations) for n in (1, 2)]
        except InputError as error:
            matches.failures[game] = str(error)
            continue
        present = [half for half in halves if half is not None]
        if not present:
            matches.failures[game] = f"{root / game}: no feature file of {', '.join(modalities)}"
            continue
        for number in {1, 2} - {half.half.number for half in present}:
            matches.warnings[f"{game}, half {number}"] = "no feature file; left out"
        matches.halves += present
        matches.games.append(game)
        matches.annotations.append(annotations)
    _describe(matches)
    if not matches.games:
        listed = "; ".join(list(matches.failures.values())[:3])
        raise InputError(f"none of {len(games)} games can be used: {listed}")
    return matches


def read_rows(data: HalfData, name: str, start: int, stop: int) -> np.ndarray:
    """Read rows of a modality from disk as float32 ``(stop - start, dims)``."""
    # Opened each time: held maps would count as memory and as open files, a half each.
    return np.asarray(open_feature(data.paths[name])[start:stop], dtype=np.float32)


def check_provenance(have: Mapping[str, Any], want: Mapping[str, Any], where: str) -> None:
    """Raise `UsageError` where features were made with other settings than a model's.

    A modality without a record on either side is taken as it is.
    """
    problems = [
        f"{name}: {difference}"
        for name in want
        if have.get(name) is not None and want[name] is not None
        for difference in compare_settings(have[name], want[name])
    ]
    if problems:
        raise UsageError(
            f"the features of {where} were made with other settings than those the model was "
            f"trained on: {'; '.join(problems)}; extract them anew with the model's settings"
        )


def check_fps(provenance: Mapping[str, Any], fps: float) -> None:
    """Raise `UsageError` where a record names other rows a second than `fps`.

    >>> check_fps({"Sound": {"window": {"fps": 5}}}, 2.0)
    Traceback (most recent call last):
    ...
    action_spotting.errors.UsageError: Sound has 5 rows a second, but fps is 2.0; give --fps 5
    """
    for name, settings in provenance.items():
        for recorded in _values(settings, "fps"):
            if recorded != fps:
                raise UsageError(
                    f"{name} has {recorded} rows a second, but fps is {fps}; give --fps {recorded}"
                )


def _values(content: Any, key: str) -> list[Any]:
    if not isinstance(content, Mapping):
        return []
    found = [content[key]] if key in content else []
    return found + [value for inner in content.values() for value in _values(inner, key)]


def half_provenance(paths: Mapping[str, Path]) -> dict[str, Any]:
    """Give the settings in each modality's provenance record, None where there is no record."""
    records = {name: read_record(path) for name, path in paths.items()}
    return {name: record and record["settings"] for name, record in records.items()}


def _annotations(
    root: Path, game: str, classes: Sequence[str], version: int, labels: bool
) -> Events:
    if labels:
        return read_labels(labels_path(root, game, version), version=version, classes=classes)
    return Events.concat([], tuple(classes))


def _open_half(half: Half, modalities: Sequence[str], annotations: Events) -> HalfData | None:
    paths = {name: half.feature(name) for name in modalities if half.feature(name).exists()}
    if not paths:
        return None
    arrays = align({path: open_feature(path) for path in paths.values()})
    mine = annotations.half == half.number
    return HalfData(
        half,
        min(len(array) for array in arrays.values()),
        paths,
        annotations.position_ms[mine] / 1000.0,
        annotations.label[mine],
    )


def _check_modalities(root: Path, games: Sequence[str], modalities: Sequence[str]) -> None:
    found = {
        match[1]
        for game in games
        for path in (root / game).iterdir()
        if (match := _FEATURE_FILE.fullmatch(path.name))
    }
    problems = [
        unknown("modality", name, sorted(found)) for name in modalities if name not in found
    ]
    if problems:
        raise UsageError(
            f"{root}: in none of {len(games)} games: {'; '.join(problems)}"
            if found
            else f"{root}: no feature file in any of {len(games)} games; extract features first"
        )


def _describe(matches: Matches) -> None:
    """Fill in widths and provenance; every file must agree with the first of its modality."""
    first: dict[str, Path] = {}
    recorded: dict[str, Path] = {}
    for data in matches.halves:
        records = half_provenance(data.paths)
        for name, path in data.paths.items():
            dims = open_feature(path).shape[1]
            if matches.dims.setdefault(name, dims) != dims:
                raise InputError(
                    f"{path} has {dims} numbers a row, but {first[name]} has {matches.dims[name]}"
                )
            first.setdefault(name, path)
            settings = records[name]
            if settings is None:
                matches.provenance.setdefault(name, None)
                continue
            differences = compare_settings(settings, matches.provenance.get(name) or settings)
            if differences:
                raise InputError(
                    f"{path} and {recorded[name]} were made with different settings: "
                    f"{'; '.join(differences)}; extract one of them anew"
                )
            matches.provenance[name] = settings
            recorded.setdefault(name, path)
