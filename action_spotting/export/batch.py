"""Results of many games, in a folder, a zip or one file, exported game by game."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from SoccerNet.utils import getListGames

from action_spotting.dataset.event_files import parse_events
from action_spotting.dataset.event_findings import PREDICTIONS, refuse_errors
from action_spotting.dataset.events import Events
from action_spotting.dataset.layout import PREDICTION_FILES, Half
from action_spotting.dataset.media import Clip
from action_spotting.dataset.splits import SOCCERNET_SPLITS, read_splits, split_games
from action_spotting.dataset.tree import RESULTS_NAME, Tree, composed, results_names
from action_spotting.errors import InputError, UsageError
from action_spotting.export.challenge import STRANGERS, write_challenge_zip
from action_spotting.export.registry import SOCCERNET, check_formats, write_exports
from action_spotting.export.selection import Window, select
from action_spotting.export.timeline import build_timeline
from action_spotting.io.files import is_name, parse_json
from action_spotting.io.items import Summary, run_items

NO_MEDIA = (
    "no media is known: the second half is taken to begin 45:00 after the first; with "
    "--SoccerNet_path DIR it begins where it truly does"
)


@dataclass(frozen=True)
class Exporter:
    """Formats and options for the export of each game.

    Attributes
    ----------
    formats
        Keys of ``registry.FORMATS``, and `SOCCERNET`.
    out
        The folder that gets ``<game>/spots.csv`` …, and ``results_spotting.zip``.
    media
        A dataset's folder with the games' media, or None.
    video
        ``LQ``, ``720p`` or ``HQ``.
    version
        Of the labels: 1 or 2.
    threshold, top
        As for `timeline.select`.
    window
        Around a spot.

    Examples
    --------
    >>> Exporter(["csv", "soccernet"], Path("exports"), threshold=0.3).per_game
    ['csv']
    """

    formats: Sequence[str]
    out: Path
    media: Path | None = None
    video: str = "LQ"
    version: int = 2
    threshold: float | Mapping[str, float] = 0.5
    top: int | None = None
    window: Window = field(default_factory=Window)

    @property
    def per_game(self) -> list[str]:
        """The formats that are made game by game."""
        return [name for name in self.formats if name != SOCCERNET]

    def game(self, game: str, folder: Path, spots: Events) -> list[str]:
        """Export one game.

        Parameters
        ----------
        game
            SoccerNet's ``UrlLocal``; its media lie below `media`.
        folder
            Gets the files.
        spots
            All spots of the game.

        Returns
        -------
        list of str
            Warnings: media that are missing, spots outside their half.

        Raises
        ------
        UsageError
            As for `write_exports`.
        InputError
            Media that cannot be read.
        """
        clips: dict[int, Clip | None] = {} if self.media else {1: None, 2: None}
        reasons = []
        for number in (1, 2) if self.media else ():
            try:
                clips[number] = Half(self.media or Path(), game, number).clip(self.video)
            except InputError as error:
                if (spots.half >= number).any():
                    reasons.append(f"{error}; taken to last 45:00")
        timeline = build_timeline(game, spots, clips, folder=folder)
        if timeline.moved:
            reasons.append(f"{timeline.moved} spots outside their half are put at its start or end")
        shown = select(timeline, threshold=self.threshold, top=self.top)
        write_exports(shown, self.per_game, folder, window=self.window)
        return reasons


def export_results(
    results: Tree,
    exporter: Exporter,
    *,
    results_name: str | None = None,
    split: str | None = None,
    fail_fast: bool = False,
) -> Summary:
    """Export all games of a set of results; a game that fails does not stop the others.

    Parameters
    ----------
    results
        The folder, zip or file that holds them, see `tree.open_tree`.
    exporter
        Formats, target folder and thresholds.
    results_name
        Name of each game's results file; None: the usual ones, see `tree.results_names`.
    split
        For the SoccerNet zip: all games of this split must be there.
    fail_fast
        Raise at the first game that fails instead of listing it.

    Returns
    -------
    Summary
        One item a game. The zip is one item more; it is written only if all games are valid.

    Raises
    ------
    UsageError
        Unknown format or split, no results, or a folder that cannot be written to.
    SpottingError
        With `fail_fast`, what is wrong with the first game that fails.

    Examples
    --------
    >>> from action_spotting.dataset.tree import open_tree
    >>> results = open_tree("results.zip", "predictions")  # doctest: +SKIP
    >>> export_results(results, Exporter(["csv"], Path("exports"))).failures  # doctest: +SKIP
    {}
    """
    check_formats(exporter.per_game)
    wanted = _wanted(split, exporter.media)
    games = _find_results(results, exporter.version, results_name)
    _make_folder(exporter.out)

    def work(game: str) -> tuple[str, str | None]:
        file = games[game]
        spots, findings = parse_events(
            results.read(file), results.where(file), PREDICTIONS, version=exporter.version
        )
        refuse_errors(findings)
        warnings = [finding.message for finding in findings]
        if exporter.per_game:
            alone = len(games) == 1 and "/" not in file
            warnings += exporter.game(game, exporter.out / ("" if alone else game), spots)
        return "done", "; ".join(warnings) or None

    items = {game: game for game in games}
    summary = run_items("export", items, work, unit="game", fail_fast=fail_fast)
    if SOCCERNET in exporter.formats:
        path = exporter.out / (RESULTS_NAME.removesuffix(".json") + ".zip")
        contents = ((game, results.read(file)) for game, file in games.items())
        try:
            others = write_challenge_zip(path, contents, version=exporter.version, wanted=wanted)
        except InputError as error:
            summary.failures[path.name] = str(error)
        else:
            summary.done.append(path.name)
            if others:
                summary.warnings[path.name] = STRANGERS.format(len(others), others[0])
    if exporter.media is None and summary.done and exporter.per_game:
        summary.warnings["all games"] = NO_MEDIA
    return summary


def _find_results(results: Tree, version: int = 2, name: str | None = None) -> dict[str, str]:
    """Find the results file of each game.

    Returns
    -------
    dict
        Name of the file by game, sorted by game. A file that lies at the top belongs to the game
        that its ``UrlLocal`` names, else to one of the folder's or the file's name.

    Raises
    ------
    UsageError
        There is none, or a folder has several that could be meant.
    """
    folders: dict[str, list[str]] = {}
    for file in results.names:
        folder, _, last = file.rpartition("/")
        folders.setdefault(folder, []).append(last)
    found: dict[str, str] = {}
    unclear = []
    for folder, files in sorted(folders.items()):
        chosen = [n for n in files if n == name] if name else results_names(files, version)
        if len(chosen) == 1:
            file = f"{folder}/{chosen[0]}" if folder else chosen[0]
            game = folder or _game(results, file)
            if game in found:
                raise UsageError(
                    f"{results.path}: {found[game]} and {file} are both results of {game}; take "
                    "one of them away"
                )
            found[game] = file
        elif chosen:
            unclear.append(f"{folder or '.'} has {', '.join(chosen)}")
    if not found:
        usual = name or f"{PREDICTION_FILES[version]} or {RESULTS_NAME}"
        hint = f"; {unclear[0]}: name one" if unclear else ""
        raise UsageError(f"{results.path}: no {usual} in it{hint}")
    return found


def _game(results: Tree, file: str) -> str:
    """The game of a file that lies at the top."""
    content = parse_json(results.read(file), results.where(file))
    url = content.get("UrlLocal") if isinstance(content, dict) else None
    if isinstance(url, str) and is_name(url) and not re.search(r"[\\\ud800-\udfff]", url):
        path = PurePosixPath(url.strip())
        if path.parts and ".." not in path.parts and not path.is_absolute():
            return composed(str(path))
    return results.path.resolve().stem


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot write to {folder}: {error.strerror}; name another folder"
        ) from error


def _wanted(split: str | None, media: Path | None) -> list[str]:
    if split is None:
        return []
    known = read_splits(media) if media else {name: getListGames(name) for name in SOCCERNET_SPLITS}
    return split_games(known, split, media or Path())
