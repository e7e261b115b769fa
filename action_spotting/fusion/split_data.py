"""The halves of a split: their features, numbers of rows and events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from action_spotting.dataset.event_files import read_labels
from action_spotting.dataset.events import Events
from action_spotting.dataset.feature_types import feature_type
from action_spotting.dataset.features import (
    ENDS_S,
    align,
    check_media,
    compare_settings,
    open_feature,
    read_record,
)
from action_spotting.dataset.layout import Half, labels_path
from action_spotting.errors import InputError, UsageError, unknown


class HalfData(NamedTuple):
    """One half: its feature files and its events.

    Attributes
    ----------
    half
        The game and the half's number.
    rows
        Rows that all its modalities have.
    paths
        Feature files by modality, of those that exist.
    time_s
        Seconds of its events since the half's start, float64 ``(n,)``.
    label
        Class indices of its events, int ``(n,)``.
    """

    half: Half
    rows: int
    paths: Mapping[str, Path]
    time_s: np.ndarray
    label: np.ndarray


@dataclass
class SplitData:
    """The usable halves of a split, their features, and what is wrong with the others.

    Attributes
    ----------
    halves
        The usable halves.
    games, annotations
        The usable games and their events, in the same order.
    dims
        Feature dimensions by modality.
    provenance
        Settings the features were made with, by modality (None: no record).
    failures
        Reasons of the games left out.
    warnings
        Messages by half.
    """

    halves: list[HalfData] = field(default_factory=list)
    games: list[str] = field(default_factory=list)
    annotations: list[Events] = field(default_factory=list)
    dims: dict[str, int] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)


def open_split(
    root: Path,
    games: Sequence[str],
    modalities: Sequence[str],
    *,
    classes: Sequence[str],
    version: int = 2,
    fps: float = 2.0,
) -> SplitData:
    """Check the feature files (headers only) and labels of games.

    A game that cannot be used is listed in ``failures`` with its reason and left out; a half
    without one of the modalities is used without it.

    Parameters
    ----------
    root
        The dataset folder.
    games
        Games below it.
    modalities
        Names of features.
    classes
        Names of the classes.
    version
        Version of the labels, 1 or 2.
    fps
        Feature rows a second.

    Returns
    -------
    SplitData

    Raises
    ------
    UsageError
        A modality is in none of the games (the nearest existing one is named).
    InputError
        Two files of a modality have other widths or were made with other settings, or no game
        can be used.

    Examples
    --------
    >>> games = list_games(root, "train")  # doctest: +SKIP
    >>> open_split(root, games, ["FFT"], classes=ACTIONS_V2).dims  # doctest: +SKIP
    {'FFT': 48}
    """
    check_modalities(root, games, modalities)
    data, first = SplitData(), dict[str, Path]()
    for game in games:
        try:
            path = labels_path(root, game, version)
            annotations = read_labels(path, version=version, classes=classes)
            opened = [_open_half(Half(root, game, n), modalities, annotations, fps) for n in (1, 2)]
        except InputError as error:
            data.failures[game] = str(error)
            continue
        halves = [half for half in opened if half]
        if not halves:
            data.failures[game] = f"{root / game}: no feature file of {', '.join(modalities)}"
            continue
        for number in {1, 2} - {half.half.number for half in halves}:
            data.warnings[f"{game}, half {number}"] = "no feature file; left out"
        for half in halves:
            _describe(data, half, first)
        data.halves += halves
        data.games.append(game)
        data.annotations.append(annotations)
    if not data.games:
        listed = "; ".join(list(data.failures.values())[:3])
        raise InputError(f"none of {len(games)} games can be used: {listed}")
    return data


def read_rows(data: HalfData, name: str, start: int, stop: int) -> np.ndarray:
    """Read rows of a modality from disk.

    Parameters
    ----------
    data
        The half.
    name
        The modality.
    start, stop
        First row, and the row after the last.

    Returns
    -------
    float32 array ``(stop - start, dims)``

    Raises
    ------
    InputError
        The file is missing or damaged.
    """
    # Opened each time: held maps would count as memory and as open files, a half each.
    return np.asarray(open_feature(data.paths[name])[start:stop], dtype=np.float32)


def open_features(paths: Mapping[str, Path], fps: float) -> dict[str, np.ndarray]:
    """Map the features of a half, cut to the same number of rows.

    Parameters
    ----------
    paths
        Feature files by modality.
    fps
        Feature rows a second.

    Returns
    -------
    dict
        Arrays ``(rows, dims)`` by modality.

    Raises
    ------
    InputError
        A file is damaged, or the numbers of rows differ too much.
    """
    arrays = align({path: open_feature(path) for path in paths.values()}, fps)
    return {name: arrays[path] for name, path in paths.items()}


def check_provenance(have: Mapping[str, Any], want: Mapping[str, Any], where: str) -> None:
    """Check that features were made with the settings of a model's features.

    A modality without a record on either side is accepted.

    Parameters
    ----------
    have, want
        Settings of the features and of the model's, by modality.
    where
        Where the features are, for the error message.

    Raises
    ------
    UsageError
        Settings differ.

    Examples
    --------
    >>> check_provenance({"FFT": {"fps": 2}}, {"FFT": {"fps": 2}}, "game")
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
    """Check that features have `fps` rows a second.

    The rate is in the provenance record; without one, that of the features released with SoccerNet
    is known.

    Parameters
    ----------
    provenance
        Settings by modality (None: no record).
    fps
        Feature rows a second.

    Raises
    ------
    UsageError
        A feature has another rate.

    Examples
    --------
    >>> check_fps({"Sound": {"window": {"fps": 5}}}, 2.0)
    Traceback (most recent call last):
    ...
    action_spotting.errors.UsageError: Sound has 5 rows a second, but fps is 2.0; give --fps 5
    """
    for name, settings in provenance.items():
        known = feature_type(name) if settings is None else None
        for recorded in [known.fps] if known else _values(settings, "fps"):
            if recorded != fps:
                raise UsageError(
                    f"{name} has {recorded} rows a second, but fps is {fps}; give --fps {recorded}"
                )


def _values(content: Any, key: str) -> list[Any]:
    if not isinstance(content, Mapping):
        return []
    found = [content[key]] if key in content else []
    return found + [value for inner in content.values() for value in _values(inner, key)]


def provenance_of(path: Path) -> Any:
    """Read the settings in a feature file's provenance record.

    Parameters
    ----------
    path
        The feature file.

    Returns
    -------
    dict or None
        None if there is no record.

    Raises
    ------
    InputError
        The record is damaged.
    """
    record = read_record(path)
    return record and record["settings"]


def _open_half(
    half: Half, modalities: Sequence[str], annotations: Events, fps: float
) -> HalfData | None:
    paths = {name: half.feature(name) for name in modalities if half.feature(name).exists()}
    if not paths:
        return None
    for path in paths.values():
        check_media(path, half)
    rows = len(next(iter(open_features(paths, fps).values())))
    mine = annotations.take(annotations.half == half.number)
    data = HalfData(half, rows, paths, mine.position_ms / 1000.0, mine.label)
    end_s, last_s = rows / fps, data.time_s.max(initial=0.0)
    if last_s > end_s + ENDS_S:
        raise InputError(
            f"{half.folder}: {(data.time_s > end_s + ENDS_S).sum()} of {len(data.time_s)} labels "
            f"of half {half.number} lie behind its end, the last at {last_s:.1f} s; its {rows} "
            f"rows at {fps:g} a second end at {end_s:.1f} s. Have the features another rate "
            "(--fps), are they of another video, or of a file that was cut?"
        )
    return data


def check_modalities(root: Path, games: Sequence[str], modalities: Sequence[str]) -> None:
    """Check that each modality lies in some of the games.

    Parameters
    ----------
    root
        The dataset folder.
    games
        Games below it.
    modalities
        Names of features.

    Raises
    ------
    UsageError
        One is in none of them; the nearest existing one is named.
    """
    found = {name for game in games for n in (1, 2) for name in Half(root, game, n).features()}
    if not found:
        raise UsageError(
            f"{root}: no feature file in any of {len(games)} games; extract features first"
        )
    problems = [
        unknown("modality", name, sorted(found)) for name in modalities if name not in found
    ]
    if problems:
        raise UsageError(f"{root}: in none of {len(games)} games: {'; '.join(problems)}")


def _describe(data: SplitData, half: HalfData, first: dict[str, Path]) -> None:
    """Note width and provenance of each modality; every file must agree with the first."""
    for name, path in half.paths.items():
        dims, settings = open_feature(path).shape[1], provenance_of(path)
        if data.dims.setdefault(name, dims) != dims:
            other = f"{first[name]} has {data.dims[name]}"
            raise InputError(f"{path} has {dims} numbers a row, but {other}")
        first.setdefault(name, path)
        known = data.provenance.setdefault(name, settings)
        if settings is None:
            continue
        recorded = first.setdefault(f"record of {name}", path)
        if differences := compare_settings(settings, known or settings):
            raise InputError(
                f"{path} and {recorded} were made with different settings: "
                f"{'; '.join(differences)}; extract one of them anew"
            )
        data.provenance[name] = settings
