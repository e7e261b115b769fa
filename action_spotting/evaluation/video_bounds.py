"""Positions that lie behind the end of the video of their half."""

from __future__ import annotations

import contextlib
from pathlib import Path

from action_spotting.dataset.event_findings import WARNING, Finding
from action_spotting.dataset.events import game_time
from action_spotting.dataset.layout import Half
from action_spotting.dataset.media_names import VIDEO_STEMS
from action_spotting.dataset.packets import length_s
from action_spotting.errors import InputError
from action_spotting.evaluation.game_set import GameSet

_SLACK_MS = 1000


def find_beyond(games: GameSet, root: Path) -> list[Finding]:
    """Compare the positions of a set with the videos below `root`, where there are any.

    Returns
    -------
    list of Finding
        A warning for each half with labels or spots more than a second behind its end.
    """
    findings = []
    for game, labels, spots in zip(games.games, games.labels, games.spots, strict=True):
        for number in (1, 2):
            length = _length_ms(Half(root, game, number))
            for what, events in (("labels", labels), ("spots", spots)) if length else ():
                late = events.position_ms[events.half == number]
                late = late[late > length + _SLACK_MS]
                if late.size:
                    end, last = (game_time(number, int(ms)) for ms in (length, late.max()))
                    message = f"{late.size} {what} lie behind the end of the half's video at {end}"
                    findings.append(Finding(WARNING, game, f"{message} (the last at {last})"))
    return findings


def _length_ms(half: Half) -> int:
    """Measure the video of a half; 0 where there is none that can be read."""
    for video in VIDEO_STEMS:
        with contextlib.suppress(InputError):
            clip = half.clip(video)
            seconds = clip.duration_s or length_s(clip.path)
            if seconds > 0:
                return int(1000 * seconds)
    return 0
