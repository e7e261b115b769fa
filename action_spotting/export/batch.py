"""Results of many games, in a folder, a zip or one file, exported game by game."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from SoccerNet.utils import getListGames

from action_spotting.dataset.classes import actions
from action_spotting.dataset.events import Spots
from action_spotting.dataset.layout import PREDICTION_FILES, Half
from action_spotting.dataset.media import Clip
from action_spotting.dataset.splits import SOCCERNET_SPLITS, read_splits, split_games
from action_spotting.errors import InputError, UsageError
from action_spotting.export.challenge import RESULTS_NAME, write_challenge_zip
from action_spotting.export.match import Window, build_match, select
from action_spotting.export.registry import SOCCERNET, check_formats, write_exports
from action_spotting.io.files import MAX_JSON_BYTES, parse_json, read_bytes
from action_spotting.io.items import Summary, run_items

NO_MEDIA = (
    "no media is known: the second half is taken to begin 45:00 after the first; with "
    "--SoccerNet_path DIR it begins where it truly does"
)


class Results(Protocol):
    """Results files by name, ``league/season/game/file.json``."""

    path: Path

    @property
    def names(self) -> frozenset[str]:
        """The names of all JSON files."""
        ...

    def read(self, name: str) -> bytes:
        """Give a file's content."""
        ...

    def where(self, name: str) -> str:
        """Name a file in a message."""
        ...


class Finding(Protocol):
    """Something odd in a results file."""

    severity: str
    message: str


Parse = Callable[[bytes, str, Sequence[str]], tuple[Spots, Sequence[Any]]]
"""``(content, where, classes) -> (spots, findings)``; ``Finding.severity`` is error or warning."""


@dataclass(frozen=True)
class ResultsFile:
    """One results file alone, as `Results`."""

    path: Path

    @property
    def names(self) -> frozenset[str]:
        """The file's name."""
        return frozenset([self.path.name])

    def read(self, name: str) -> bytes:
        """Give the content, of at most 64 MiB."""
        return read_bytes(self.path, MAX_JSON_BYTES)

    def where(self, name: str) -> str:
        """Give the path."""
        return str(self.path)


@dataclass(frozen=True)
class Exporter:
    """How every game is exported.

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
        As for `match.select`.
    window
        Around a spot.
    """

    formats: Sequence[str]
    out: Path
    media: Path | None = None
    video: str = "LQ"
    version: int = 2
    threshold: float | Mapping[str, float] = 0.5
    top: int | None = None
    window: Window = field(default_factory=Window)

    def game(self, game: str, folder: Path, spots: Spots) -> str | None:
        """Export one game's spots into `folder`; give a warning, or None."""
        clips, reasons = self._clips(game)
        match = build_match(game, spots, actions(self.version), clips, folder=folder)
        shown = select(match, threshold=self.threshold, top=self.top)
        names = [name for name in self.formats if name != SOCCERNET]
        write_exports(shown, names, folder, window=self.window)
        return "; ".join(reasons) or None

    def _clips(self, game: str) -> tuple[dict[int, Clip | None], list[str]]:
        """The media of both halves, and why there is none."""
        clips: dict[int, Clip | None] = {1: None, 2: None}
        reasons = []
        if self.media is not None:
            for number in clips:
                try:
                    clips[number] = Half(self.media, game, number).clip(self.video)
                except InputError as error:
                    reasons.append(f"{error}; taken to last 45:00")
        return clips, reasons


def export_results(
    results: Results,
    parse: Parse,
    exporter: Exporter,
    *,
    results_name: str | None = None,
    split: str | None = None,
    fail_fast: bool = False,
) -> Summary:
    """Export all games of a set of results; a bad one stops only itself.

    Parameters
    ----------
    results
        Where they lie (``evaluation.archive.open_tree``, or a `ResultsFile`).
    parse
        Reads one (``evaluation.reading.parse_spots``).
    exporter
        What to do with each.
    results_name
        Of each game's file; None: ``Predictions-v2.json``, else ``results_spotting.json``, else
        the only one there is.
    split
        For the SoccerNet zip: all games of this split must be there.
    fail_fast
        Raise at the first game that fails instead of listing it.

    Returns
    -------
    Summary
        By game. The zip counts as one item more; it is not written unless all games are right.

    Raises
    ------
    UsageError
        Unknown format or split, no results, or a folder that cannot be written to.
    """
    check_formats([name for name in exporter.formats if name != SOCCERNET])
    wanted = _wanted(split, exporter.media)
    games = find_results(results, exporter.version, results_name)
    _make_folder(exporter.out)
    classes = actions(exporter.version)

    def work(game: str) -> tuple[str, str | None]:
        spots, findings = parse(results.read(games[game]), results.where(games[game]), classes)
        errors, warnings = _sorted(findings)
        if errors:
            raise InputError("; ".join(errors))
        if any(name != SOCCERNET for name in exporter.formats):
            alone = len(games) == 1 and not PurePosixPath(games[game]).parent.parts
            folder = exporter.out if alone else exporter.out / game
            warnings += [text for text in [exporter.game(game, folder, spots)] if text]
        return "done", "; ".join(warnings) or None

    items = {game: game for game in games}
    summary = run_items("export", items, work, unit="game", fail_fast=fail_fast)
    if SOCCERNET in exporter.formats:
        _zip_all(results, parse, games, exporter, wanted, summary)
    if exporter.media is None and summary.done and list(exporter.formats) != [SOCCERNET]:
        summary.warnings["all games"] = NO_MEDIA
    return summary


def find_results(results: Results, version: int = 2, name: str | None = None) -> dict[str, str]:
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
    usual = [name] if name else [PREDICTION_FILES[version], RESULTS_NAME]
    folders: dict[str, list[str]] = {}
    for file in results.names:
        folders.setdefault(str(PurePosixPath(file).parent), []).append(file)
    found, unclear = {}, []
    for folder, files in sorted(folders.items()):
        by_name = {PurePosixPath(file).name: file for file in sorted(files)}
        chosen = next((by_name[n] for n in usual if n in by_name), None)
        if chosen is None and name is None and len(files) == 1:
            chosen = files[0]
        if chosen is None:
            unclear.append(folder)
        else:
            found[_game(results, chosen)] = chosen
    if not found:
        wanted = " or ".join(usual)
        raise UsageError(
            f"{results.path}: no {wanted} in it"
            + (f"; {unclear[0]} has other JSON files, name one" if unclear else "")
        )
    return found


def _game(results: Results, file: str) -> str:
    folder = PurePosixPath(file).parent
    if folder.parts:
        return str(folder)
    content = parse_json(results.read(file), results.where(file))
    url = content.get("UrlLocal") if isinstance(content, dict) else None
    if isinstance(url, str) and url.strip() and _stays_below(url):
        return url.strip().strip("/")
    return results.path.resolve().stem


def _stays_below(url: str) -> bool:
    return not {"..", ""} & set(url.strip().rstrip("/").split("/")) and "\\" not in url


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


def _sorted(findings: Sequence[Finding]) -> tuple[list[str], list[str]]:
    errors = [finding.message for finding in findings if finding.severity == "error"]
    return errors, [finding.message for finding in findings if finding.severity != "error"]


def _zip_all(
    results: Results,
    parse: Parse,
    games: Mapping[str, str],
    exporter: Exporter,
    wanted: Sequence[str],
    summary: Summary,
) -> None:
    path = exporter.out / (RESULTS_NAME.removesuffix(".json") + ".zip")

    def check(content: bytes, game: str) -> list[str]:
        try:
            findings = parse(content, game, actions(exporter.version))[1]
        except InputError as error:
            return [str(error)]
        return [f"{game}: {message}" for message in _sorted(findings)[0]]

    def contents() -> Iterator[tuple[str, bytes]]:
        for game, file in games.items():
            yield game, results.read(file)

    try:
        write_challenge_zip(path, contents(), check=check, wanted=wanted)
    except InputError as error:
        summary.failures[path.name] = str(error)
    else:
        summary.done.append(path.name)
