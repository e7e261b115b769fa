"""All formats by name, and the one place that writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from action_spotting.errors import UsageError, unknown
from action_spotting.export.formats.chapters import export_chapters
from action_spotting.export.formats.csv_table import export_csv, export_csv_semicolon
from action_spotting.export.formats.edl import export_edl
from action_spotting.export.formats.json_list import export_json
from action_spotting.export.formats.osl import export_osl
from action_spotting.export.formats.otio import export_otio
from action_spotting.export.formats.sportscode import export_sportscode
from action_spotting.export.formats.subtitles import export_srt, export_vtt
from action_spotting.export.formats.xlsx import export_xlsx
from action_spotting.export.selection import Window, split_files
from action_spotting.export.timeline import Timeline
from action_spotting.io.files import whole_file

STEM = "spots"

SOCCERNET = "soccernet"
"""The name of the one export that is made of all games together (`challenge`)."""


@dataclass(frozen=True)
class Format:
    """How a format is made and named.

    Attributes
    ----------
    export
        ``(timeline, window) -> text``, or bytes.
    ending
        What the file's name ends with.
    opens_in
        What reads it, for the help text.
    per_media
        Goes with one media file: a match of several files gets one each, on the file's own clock,
        beside the one on the match clock.
    """

    export: Callable[[Timeline, Window | None], str | bytes]
    ending: str
    opens_in: str
    per_media: bool = False


FORMATS: dict[str, Format] = {
    "csv": Format(export_csv, ".csv", "data frames"),
    "csv_semicolon": Format(export_csv_semicolon, ".semicolon.csv", "spreadsheets"),
    "xlsx": Format(export_xlsx, ".xlsx", "Excel, LibreOffice"),
    "json": Format(export_json, ".json", "own programs"),
    "osl": Format(export_osl, ".osl.json", "OpenSportsLab tools"),
    "vtt": Format(export_vtt, ".vtt", "web players", per_media=True),
    "srt": Format(export_srt, ".srt", "any player", per_media=True),
    "chapters": Format(export_chapters, ".ffmeta", "ffmpeg", per_media=True),
    "sportscode": Format(export_sportscode, ".sportscode.xml", "Hudl SportsCode"),
    "edl": Format(export_edl, ".edl", "editing programs"),
    "otio": Format(export_otio, ".otio", "editing programs"),
}


def check_formats(names: Sequence[str]) -> None:
    """Refuse unknown formats.

    Parameters
    ----------
    names
        Keys of `FORMATS`.

    Raises
    ------
    UsageError
        A name that is no format; the message gives the nearest one.

    Examples
    --------
    >>> check_formats(["csv", "edl"])
    """
    problems = [unknown("export format", name, FORMATS) for name in names if name not in FORMATS]
    if problems:
        raise UsageError("; ".join(problems))


def write_exports(
    timeline: Timeline, names: Sequence[str], folder: Path, *, window: Window | None = None
) -> list[Path]:
    """Write a match's spots in several formats into `folder`.

    Parameters
    ----------
    timeline
        What `select` left; media should have been named relative to `folder` (`build_timeline`).
    names
        Keys of `FORMATS`.
    folder
        Made when it is not there; files in it are replaced.
    window
        Before and after each spot, for SportsCode and the EDL; 5 s each by default.

    Returns
    -------
    list of Path
        ``spots.csv`` … and, of a match in several files, also ``spots_half1.srt`` …

    Raises
    ------
    UsageError
        Unknown format, a folder that cannot be written to, or, when all other formats are written,
        one that cannot hold these spots, as an EDL more than 999.

    Examples
    --------
    >>> import tempfile
    >>> timeline = Timeline("A - B", (), (), ("Goal",))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in write_exports(timeline, ["csv", "vtt"], Path(folder))]
    ['spots.csv', 'spots.vtt']
    """
    check_formats(names)
    parts = split_files(timeline)
    written, problems = [], []
    for name in dict.fromkeys(names):
        chosen = FORMATS[name]
        files = {STEM: timeline}
        if chosen.per_media and len(parts) > 1:
            files |= {f"{STEM}_half{part.halves[0].number}": part for part in parts}
        for stem, part in files.items():
            path = folder / (stem + chosen.ending)
            try:
                made = chosen.export(part, window)
            except UsageError as error:
                problems.append(f"{path.name}: {error}")
                continue
            with whole_file(path) as temporary:
                temporary.write_bytes(made if isinstance(made, bytes) else _encoded(made))
            written.append(path)
    if problems:
        raise UsageError("; ".join(problems))
    return written


def _encoded(text: str) -> bytes:
    """A name that is no UTF-8 stays itself where there are escapes for it."""
    return text.encode("utf-8", "backslashreplace" if text.startswith("{") else "replace")
