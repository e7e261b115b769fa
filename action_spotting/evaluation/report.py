"""One self-contained HTML file with the spots of each game, their scores and their errors."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from action_spotting.dataset.layout import Half, relative
from action_spotting.errors import InputError
from action_spotting.evaluation.diagnosis import diagnose
from action_spotting.evaluation.evaluate import Evaluation
from action_spotting.evaluation.report_game import Game
from action_spotting.evaluation.report_page import (
    GROUPS,
    PageData,
    class_data,
    link,
    pictures_of,
)
from action_spotting.io.files import whole_file

SCRIPTS = ("report", "report_player", "report_list", "report_timeline", "report_start")
"""The script of the page, in the order in which its parts run."""


def write_report(
    path: Path,
    games: Sequence[Game],
    evaluation: Evaluation | None = None,
    *,
    title: str | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Write the report: video, list and timeline of each game, and how it scores.

    It loads nothing but the videos beside it. Of very many spots it has the most confident ones.

    Parameters
    ----------
    path
        The HTML file.
    games
        At least one.
    evaluation
        Scores of the same games in the same order; the first metric gives the thresholds.
    title
        The heading; None: teams and score, or the name, of a single game.
    notes
        What a reader must know first ("the weights are random").

    Raises
    ------
    UsageError
        A file that cannot be written.
    InputError
        A thumbnail that is neither PNG nor JPEG.

    Examples
    --------
    >>> import tempfile
    >>> from action_spotting.dataset.events import Events
    >>> game = Game("A - B", Events([1], [60_000], [2], confidence=[0.9]))
    >>> path = Path(tempfile.mkdtemp(), "report.html")
    >>> write_report(path, [game], title="My match")
    >>> "My match" in path.read_text(encoding="utf-8")
    True
    """
    text = _render(_context(games, evaluation, title) | {"notes": notes})
    with whole_file(path) as part:
        # a name may hold bytes that are no UTF-8, or a NUL, which HTML does not take
        part.write_text(text.replace("\0", "�"), encoding="utf-8", errors="backslashreplace")


def _render(context: dict[str, Any]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("action_spotting.evaluation"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["percent"] = lambda v: "–" if np.isnan(v) else f"{100 * v:.1f}"
    environment.filters["sha256"] = _sha256
    style = environment.get_template("report.css").render()
    script = "\n".join(environment.get_template(f"{name}.js").render() for name in SCRIPTS)
    return environment.get_template("report.html").render(context, style=style, script=script)


def _context(
    games: Sequence[Game], evaluation: Evaluation | None, title: str | None
) -> dict[str, Any]:
    """What the template shows."""
    diagnosis = score = None
    if evaluation:
        from action_spotting.evaluation.report_scores import score_context

        best = next(iter(evaluation.results.values())).best
        scored = evaluation.games
        diagnosis = diagnose(
            scored.labels, scored.spots, best.threshold, tolerance_s=best.tolerance_s
        )
        score = score_context(evaluation, diagnosis)
    page, only = PageData(games, diagnosis), games[0].heading if len(games) == 1 else None
    about = [f"{len(games)} games"] if only is None else [only.title] * (title is not None)
    return {
        "title": title or (only.title if only else "Action spotting"),
        "subtitle": " · ".join([*about, *([only.about] if only and only.about else [])]),
        "count": len(games),
        "score": score,
        "measure": games[0].measure,
        "data": {
            "classes": class_data(games[0].spots.classes),
            "groups": list(GROUPS),
            "games": page.games,
        },
        "hidden": page.hidden,
        "per_half": page.per_half,
        "pictures": pictures_of(games),
        "files": [(name, link(path)) for game in games for name, path in game.files.items()],
    }


def games_of(
    evaluation: Evaluation, *, report: Path, root: Path, video: str | None = None
) -> list[Game]:
    """Give the games of an evaluation, to be shown.

    Parameters
    ----------
    evaluation
        The scores.
    report
        Where the report will be, for the links to the videos.
    root
        The dataset folder that has the videos.
    video
        ``LQ``, ``720p`` or ``HQ``: link those that are there; None: link no video.

    Returns
    -------
    list of Game
        In the order of the evaluation.

    Examples
    --------
    >>> from action_spotting.evaluation.evaluate import score_set
    >>> from action_spotting.evaluation.game_set import GameSet
    >>> from action_spotting.dataset.events import Events
    >>> labels, spots = Events([1], [60_000], [2]), Events([1], [60_400], [2], confidence=[0.9])
    >>> evaluation = score_set(GameSet(("A - B",), (labels,), (spots,)))
    >>> [game.name for game in games_of(evaluation, report=Path("r.html"), root=Path("SoccerNet"))]
    ['A - B']
    """
    games = []
    for name, spots in zip(evaluation.games.games, evaluation.games.spots, strict=True):
        videos = {}
        for number in (1, 2) if video else ():
            with contextlib.suppress(InputError):
                clip = Half(root, name, number).clip(video or "")
                videos[number] = relative(clip.path, report.parent)
        games.append(Game(root.resolve().name if name == "." else name, spots, videos))
    return games


def _sha256(text: str) -> str:
    """The hash by which a page's policy knows its own style and script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
