"""The halves of a split: their features, numbers of rows and events."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from action_spotting.dataset.event_files import read_labels
from action_spotting.dataset.events import Events
from action_spotting.dataset.features import open_feature
from action_spotting.dataset.layout import Half, labels_path
from action_spotting.dataset.rates import Rate, rate_of
from action_spotting.dataset.records import compare_settings, read_record
from action_spotting.errors import InputError, UsageError, unknown
from action_spotting.fusion.half_data import HalfData, Rates, open_half


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
    rates
        Of the modalities that are resampled to the head's rows.
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
    rates: Rates = field(default_factory=dict)
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
    rates: Rates | None = None,
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
        The head's rows a second.
    rates
        Where the rows of features stand, of those that know better than their records and names.

    Returns
    -------
    SplitData

    Raises
    ------
    UsageError
        A modality is in none of the games (the nearest existing one is named), or `rates` names
        another.
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
    data, first = (
        SplitData(rates=find_rates(root, games, modalities, fps, rates)),
        dict[str, Path](),
    )
    for game in games:
        try:
            path = labels_path(root, game, version)
            annotations = read_labels(path, version=version, classes=classes)
            opened = [
                open_half(Half(root, game, n), modalities, annotations, fps, data.rates)
                for n in (1, 2)
            ]
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


def find_rates(
    root: Path, games: Sequence[str], modalities: Sequence[str], fps: float, given: Rates | None
) -> dict[str, Rate]:
    """Tell which features of games are to be resampled, and from what rate.

    Parameters
    ----------
    root
        The dataset folder.
    games
        Games below it.
    modalities
        Names of features.
    fps
        The head's rows a second.
    given
        Where rows stand, of features that know better than their records and names.

    Returns
    -------
    dict of str to Rate
        Of the features whose rows are not the head's.

    Raises
    ------
    UsageError
        `given` names a feature that is none of the modalities.
    """
    given = given or {}
    strange = [unknown("modality", name, modalities) for name in {*given} - {*modalities}]
    if strange:
        raise UsageError(f"--rate: {'; '.join(strange)}")
    halves = [Half(root, game, number) for game in games for number in (1, 2)]
    rates = {
        name: given.get(name) or rate_of(name, _first_settings(halves, name), fps)
        for name in modalities
    }
    return {name: rate for name, rate in rates.items() if not rate.fits(fps)}


def _first_settings(halves: Sequence[Half], name: str) -> Any:
    """Give the settings of the first record of a feature; a damaged one is told by its game."""
    for half in halves:
        with contextlib.suppress(InputError):
            if settings := provenance_of(half.feature(name)):
                return settings
    return None


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
