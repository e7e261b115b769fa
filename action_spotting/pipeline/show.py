"""What people and other tools get of the spots of a video: table, report, exports, videos."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from action_spotting.dataset.events import Events, game_time
from action_spotting.dataset.layout import relative
from action_spotting.dataset.media import Clip
from action_spotting.errors import SpottingError, UsageError
from action_spotting.io.tables import table
from action_spotting.pipeline.video_plan import VideoOutcome, VideoPlan

if TYPE_CHECKING:
    from action_spotting.evaluation.report_game import Game
    from action_spotting.export.timeline import Timeline


def check_outputs(plan: VideoPlan) -> None:
    """Refuse what could not be written at the end before hours of work begin.

    Parameters
    ----------
    plan
        Its exports and videos are looked at.

    Raises
    ------
    UsageError
        An unknown format, a video that is no mp4, two that would be one file, or a file where a
        folder is expected.
    """
    from action_spotting.export.footage import check_target
    from action_spotting.export.overlay import overlay_paths
    from action_spotting.export.registry import check_formats

    check_formats(plan.exports)
    overlays = overlay_paths(plan.overlay, range(1, len(plan.videos) + 1)) if plan.overlay else []
    for path in overlays:
        check_target(path, plan.videos)
    if plan.highlights:
        check_target(plan.highlights, plan.videos, overlays)
    if plan.clips and plan.clips.exists() and not plan.clips.is_dir():
        raise UsageError(f"--clips {plan.clips}: is a file; a folder is expected")


def show(plan: VideoPlan, clips: Mapping[int, Clip], outcome: VideoOutcome) -> None:
    """Write report, exports and videos of the spots that reach their thresholds.

    What fails does not stop the others; its reason goes to ``outcome.failures``.

    Parameters
    ----------
    plan
        What to make, and where.
    clips
        The media by half, as `clips_of` gives them.
    outcome
        The spots; gets the files, notices and failures.

    Raises
    ------
    SpottingError
        The media cannot be read, or the report cannot be written.
    """
    from action_spotting.export.registry import write_exports
    from action_spotting.export.timeline import build_timeline

    seen, probability = outcome.seen
    timeline = build_timeline(plan.name, seen, clips, folder=plan.out, probability=probability)
    if timeline.moved:
        outcome.notices.append(f"{timeline.moved} spots outside their half are shown at its end")
    if not timeline.moments and (plan.highlights or plan.overlay or plan.clips):
        outcome.notices.append("no spot reaches its threshold: no highlights, overlay or clips")
    game = _game_of(plan, clips, timeline, seen, probability)
    _report(plan, game, outcome)  # first of all: what follows may take long
    for name in plan.exports:
        with _alone(name, outcome):
            for path in write_exports(timeline, [name], plan.out):
                outcome.files[path.name] = path
    if timeline.moments:
        _make_videos(plan, timeline, outcome)
    _report(plan, game, outcome)  # once more, with links to what was made


def spots_table(outcome: VideoOutcome) -> str:
    """Lay out the spots that reach the threshold of their class.

    Parameters
    ----------
    outcome
        As `spot_video` gives it.

    Returns
    -------
    str
        One line a spot, and the number of those that are not shown.

    Examples
    --------
    >>> spots = Events([1], [61_500], [2], confidence=[0.4])
    >>> print(spots_table(VideoOutcome(spots, np.array([0.3]), np.full(17, 0.5))))
    no spot reaches its class's threshold; 1 weaker spots are in the predictions only (see ...)
    """
    seen, probability = outcome.seen
    hidden = len(outcome.spots) - len(seen)
    more = f"{hidden} weaker spots are in the predictions only (see --threshold)"
    if not len(seen):
        return f"no spot reaches its class's threshold; {more}"
    cells = [
        [
            seen.classes[seen.label[i]],
            game_time(int(seen.half[i]), int(seen.position_ms[i])),
            f"{seen.confidence[i]:.2f}",
            *([] if probability is None else [f"{100 * probability[i]:.0f} %"]),
        ]
        for i in range(len(seen))
    ]
    head = ["action", "half - time", "confidence", "probability"][: len(cells[0])]
    return table(head, cells) + f"\n{more}"


def closing_text(outcome: VideoOutcome) -> str:
    """Sum up a run: the table of spots, the notices, the failures, the paths of the files.

    Parameters
    ----------
    outcome
        As `spot_video` gives it.

    Returns
    -------
    str
        Several paragraphs.
    """
    parts = [spots_table(outcome)]
    parts += [f"note: {notice}" for notice in outcome.notices]
    parts += [f"FAILED {what}: {reason}" for what, reason in outcome.failures.items()]
    parts.append("\n".join(f"{what}: {path}" for what, path in outcome.files.items()))
    return "\n\n".join(parts)


def _game_of(
    plan: VideoPlan,
    clips: Mapping[int, Clip],
    timeline: Timeline,
    seen: Events,
    probability: np.ndarray | None,
) -> Game:
    """The match as the report shows it."""
    from action_spotting.evaluation.report_game import Game
    from action_spotting.export.thumbnails import thumbnails

    halves = timeline.halves
    return Game(
        plan.name,
        seen,
        videos={number: relative(clip.path, plan.out) for number, clip in clips.items()},
        starts_s={half.number: (half.lead_ms + half.file_ms) / 1000 for half in halves},
        lengths_s={half.number: half.duration_ms / 1000 for half in halves},
        pictures=[(moment.index, jpeg) for moment, jpeg in thumbnails(timeline)],
        probability=probability,
    )


def _report(plan: VideoPlan, game: Game, outcome: VideoOutcome) -> None:
    """Write the report with links to all files that are there."""
    from action_spotting.evaluation.report import write_report

    links = {p.name: relative(p, plan.out) for p in outcome.files.values() if p.suffix != ".html"}
    path = plan.out / "report.html"
    write_report(path, [replace(game, files=links)], title=plan.title, notes=outcome.notices)
    outcome.files["report"] = path


def _make_videos(plan: VideoPlan, timeline: Timeline, outcome: VideoOutcome) -> None:
    from action_spotting.export.clips import clips
    from action_spotting.export.overlay import overlay
    from action_spotting.export.reel import highlights

    if plan.highlights:
        with _alone("highlights", outcome):
            highlights(timeline, plan.highlights)
            outcome.files["highlights"] = plan.highlights
    if plan.overlay:
        with _alone("overlay", outcome):
            for path in overlay(timeline, plan.overlay):
                outcome.files[path.name] = path
    if plan.clips:
        with _alone("clips", outcome):
            made = clips(timeline, plan.clips)
            outcome.files["clips"] = plan.clips
            outcome.failures |= made.failures


@contextlib.contextmanager
def _alone(what: str, outcome: VideoOutcome) -> Iterator[None]:
    """Enter a failure in the outcome instead of raising it."""
    try:
        yield
    except SpottingError as error:
        outcome.failures[what] = str(error)
