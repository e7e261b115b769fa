"""What a broadcaster lays over the picture: score board, captions, the wipe around replays."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

from action_spotting.sample.pitch import HEIGHT, LEAGUE_COLOUR, WIDTH
from action_spotting.sample.script import FPS, Club, Colour, Graphic, HalfScript

_FONT = cv2.FONT_HERSHEY_DUPLEX
_SLIDE = 4
"""Frames in which a caption slides in."""


def overlay(picture: np.ndarray, script: HalfScript, frame: int, *, replaying: bool) -> None:
    """Draw the graphics of `frame` onto its picture, in place."""
    if replaying:
        cv2.rectangle(picture, (0, 0), (WIDTH - 1, HEIGHT - 1), LEAGUE_COLOUR, 5)
        cv2.rectangle(picture, (12, 10), (76, 28), LEAGUE_COLOUR, -1)
        _text(picture, "REPLAY", (18, 23), 0.42, (255, 255, 255))
    elif frame >= script.clock_from:
        seconds = script.clock_s + (frame - script.clock_from) // FPS
        score = next(s for s in reversed(script.scores) if s.frame <= frame)
        clock = f"{seconds // 60:02d}:{seconds % 60:02d}"
        picture[10:28, 12:154] = _board(script.clubs, f"{score.home}-{score.away}", clock)
    for graphic in script.graphics:
        if graphic.start <= frame < graphic.end:
            if graphic.kind == "wipe":
                _wipe(picture, (frame - graphic.start) / (graphic.end - graphic.start))
            elif not replaying or graphic.kind == "offside":
                _caption(picture, script.clubs, graphic, frame)


@lru_cache(maxsize=4)
def _board(clubs: tuple[Club, Club], score: str, clock: str) -> np.ndarray:
    board = np.full((18, 142, 3), (70, 35, 25), np.uint8)
    board[:, 102:] = (235, 235, 235)
    board[:, :4], board[:, 98:102] = clubs[0].shirt, clubs[1].shirt
    for club, left in zip(clubs, (8, 69), strict=True):
        _text(board, club.name[:3].upper(), (left, 13), 0.36, (245, 245, 245))
    _text(board, score, (39, 13), 0.38, (120, 235, 250))
    _text(board, clock, (105, 13), 0.34, (30, 20, 20))
    return board


def _text(
    picture: np.ndarray,
    text: str,
    place: tuple[int, int],
    scale: float,
    ink: Colour,
    thick: int = 1,
) -> None:
    cv2.putText(picture, text, place, _FONT, scale, ink, thick, cv2.LINE_AA)


def _fill(picture: np.ndarray, points: list[tuple[int, int]], colour: Colour) -> None:
    cv2.fillConvexPoly(picture, np.array(points, np.int32), colour, cv2.LINE_AA)


def _caption(picture: np.ndarray, clubs: tuple[Club, Club], graphic: Graphic, frame: int) -> None:
    """Slide a caption's bar in from the left, or the goal's banner up from below."""
    club = clubs[min(graphic.team, 1)]
    shown = min(1.0, (frame - graphic.start + 1) / _SLIDE, (graphic.end - frame) / _SLIDE)
    if graphic.kind == "goal":
        banner = _goal_banner(club)
        rows = max(1, round(shown * len(banner)))
        picture[HEIGHT - rows :] = banner[:rows]
        flash = ((frame - graphic.start) // 4) % 2
        picture[HEIGHT - rows : HEIGHT - rows + 6] = (255, 255, 255) if flash else (60, 220, 250)
        return
    bar = _bar(club, graphic.kind)
    height, width = bar.shape[:2]
    columns, left = max(1, round(shown * width)), (WIDTH - width) // 2
    picture[172 : 172 + height, left : left + columns] = bar[:, width - columns :]


@lru_cache(maxsize=64)
def _bar(club: Club, kind: str) -> np.ndarray:
    text, colour, icon = _BARS[kind]
    bar = np.full((38, 300, 3), colour, np.uint8)
    bar[26:] = (40, 25, 20)
    bar[:, :10] = club.shirt
    ink = (20, 20, 20) if sum(colour) > 420 else (250, 250, 250)
    _text(bar, text, (56, 18), 0.6, ink)
    _text(bar, club.name.upper(), (56, 35), 0.34, (240, 240, 240))
    if icon:
        icon(bar)
    return bar


@lru_cache(maxsize=64)
def _goal_banner(club: Club) -> np.ndarray:
    bar = np.full((78, WIDTH, 3), club.shirt, np.uint8)
    light = (
        min(255, club.shirt[0] + 50),
        min(255, club.shirt[1] + 50),
        min(255, club.shirt[2] + 50),
    )
    for x in range(-80, WIDTH, 60):
        _fill(bar, [(x, 78), (x + 30, 78), (x + 70, 0), (x + 40, 0)], light)
    ink = (255, 255, 255) if sum(club.shirt) < 480 else (30, 20, 20)
    _text(bar, "GOAL!", (96, 56), 1.9, ink, 4)
    _text(bar, club.name.upper(), (150, 73), 0.42, ink)
    return bar


def _card_icon(bar: np.ndarray) -> None:
    bar[4:34, 22:42] = (20, 20, 20)
    bar[5:33, 23:41] = (30, 225, 250)


def _sub_icon(bar: np.ndarray) -> None:
    _fill(bar, [(18, 24), (34, 24), (26, 5)], (60, 210, 40))
    _fill(bar, [(28, 14), (46, 14), (37, 34)], (40, 40, 230))


def _flag_icon(bar: np.ndarray) -> None:
    for i, j in np.ndindex(4, 3):
        colour = (20, 220, 250) if (i + j) % 2 else (30, 60, 235)
        cv2.rectangle(bar, (18 + i * 7, 5 + j * 7), (24 + i * 7, 11 + j * 7), colour, -1)
    cv2.line(bar, (17, 4), (17, 36), (230, 230, 230), 2)


def _ball_icon(bar: np.ndarray) -> None:
    cv2.circle(bar, (31, 18), 13, (250, 250, 250), -1, cv2.LINE_AA)
    cv2.circle(bar, (31, 18), 5, (30, 30, 30), -1, cv2.LINE_AA)


_BARS: dict[str, tuple[str, Colour, Callable[[np.ndarray], None] | None]] = {
    "kickoff": ("KICK-OFF", (150, 110, 20), None),
    "yellow": ("YELLOW CARD", (20, 215, 245), _card_icon),
    "sub": ("SUBSTITUTION", (60, 60, 60), _sub_icon),
    "offside": ("OFFSIDE", (190, 40, 190), _flag_icon),
    "ontarget": ("SHOTS ON TARGET", (225, 130, 30), _ball_icon),
    "offtarget": ("SHOTS OFF TARGET", (40, 60, 150), _ball_icon),
    "corner": ("CORNERS", (150, 170, 40), None),
}
"""The captions: text, colour, icon."""


def _wipe(picture: np.ndarray, progress: float) -> None:
    """Sweep the league's sign over the picture; in the middle it covers all."""
    x = round((2 * progress - 1) * 1.7 * WIDTH) + WIDTH // 2
    half = round(0.8 * WIDTH)
    corners = [(x - half, HEIGHT), (x + half, HEIGHT), (x + half + 60, 0), (x - half + 60, 0)]
    _fill(picture, corners, LEAGUE_COLOUR)
    cv2.polylines(picture, [np.array(corners, np.int32)], True, (90, 220, 250), 8, cv2.LINE_AA)
    for radius, colour in ((56, (245, 245, 245)), (46, LEAGUE_COLOUR), (20, (90, 220, 250))):
        cv2.circle(picture, (x + 20, HEIGHT // 2), radius, colour, -1, cv2.LINE_AA)
