"""What a broadcaster lays over the picture: score board, captions, the wipe around replays."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from action_spotting.sample.pitch import HEIGHT, LEAGUE_COLOUR, WIDTH
from action_spotting.sample.script import FPS, HOME, Club, Colour, Graphic, HalfScript

_FONT = cv2.FONT_HERSHEY_DUPLEX
_SLIDE = 4
"""Frames in which a caption slides in."""

_BARS: dict[str, tuple[str, Colour]] = {
    "kickoff": ("KICK-OFF", (150, 110, 20)),
    "goal": ("GOAL!", (0, 0, 0)),
    "yellow": ("YELLOW CARD", (20, 215, 245)),
    "sub": ("SUBSTITUTION", (60, 60, 60)),
    "offside": ("OFFSIDE", (190, 40, 190)),
    "ontarget": ("SHOTS ON TARGET", (225, 130, 30)),
    "offtarget": ("SHOTS OFF TARGET", (40, 60, 150)),
    "corner": ("CORNERS", (150, 170, 40)),
}


def overlay(picture: np.ndarray, script: HalfScript, frame: int, *, replaying: bool) -> None:
    """Draw the graphics of `frame` onto its picture, in place."""
    if replaying:
        _replay_sign(picture, frame)
    else:
        _score_board(picture, script, frame)
    for graphic in script.graphics:
        if graphic.start <= frame < graphic.end:
            if graphic.kind == "wipe":
                _wipe(picture, (frame - graphic.start) / (graphic.end - graphic.start))
            elif not replaying or graphic.kind == "offside":
                _caption(picture, script.clubs, graphic, frame)


def _score_board(picture: np.ndarray, script: HalfScript, frame: int) -> None:
    if frame < script.clock_from:
        return
    seconds = script.clock_s + (frame - script.clock_from) // FPS
    score = next(s for s in reversed(script.scores) if s.frame <= frame)
    board = _board(script.clubs, score.home, score.away, f"{seconds // 60:02d}:{seconds % 60:02d}")
    picture[10 : 10 + board.shape[0], 12 : 12 + board.shape[1]] = board


@lru_cache(maxsize=4)
def _board(clubs: tuple[Club, Club], home: int, away: int, clock: str) -> np.ndarray:
    board = np.full((18, 142, 3), (70, 35, 25), np.uint8)
    board[:, 102:] = (235, 235, 235)
    board[:, :4], board[:, 98:102] = clubs[0].shirt, clubs[1].shirt
    _text(board, clubs[0].short, (8, 13), 0.36, (245, 245, 245))
    _text(board, f"{home}-{away}", (39, 13), 0.38, (120, 235, 250))
    _text(board, clubs[1].short, (69, 13), 0.36, (245, 245, 245))
    _text(board, clock, (105, 13), 0.34, (30, 20, 20))
    return board


def _text(
    picture: np.ndarray, text: str, place: tuple[int, int], scale: float, ink: Colour
) -> None:
    cv2.putText(picture, text, place, _FONT, scale, ink, 1, cv2.LINE_AA)


def _caption(picture: np.ndarray, clubs: tuple[Club, Club], graphic: Graphic, frame: int) -> None:
    """Slide a caption's bar in from the left, or the goal's banner up from below."""
    bar = _bar(clubs, graphic.kind, graphic.team)
    shown = min(1.0, (frame - graphic.start + 1) / _SLIDE, (graphic.end - frame) / _SLIDE)
    height, width = bar.shape[:2]
    if graphic.kind == "goal":
        rows = max(1, round(shown * height))
        picture[HEIGHT - rows :] = bar[:rows]
        flash = ((frame - graphic.start) // 4) % 2
        picture[HEIGHT - rows : HEIGHT - rows + 6] = (255, 255, 255) if flash else (60, 220, 250)
        return
    columns = max(1, round(shown * width))
    left = (WIDTH - width) // 2
    picture[172 : 172 + height, left : left + columns] = bar[:, width - columns :]


@lru_cache(maxsize=64)
def _bar(clubs: tuple[Club, Club], kind: str, team: int) -> np.ndarray:
    text, colour = _BARS[kind]
    club = clubs[HOME if team == HOME else 1]
    if kind == "goal":
        return _goal_banner(club)
    bar = np.full((38, 300, 3), colour, np.uint8)
    bar[26:] = (40, 25, 20)
    bar[:, :10] = club.shirt
    ink = (20, 20, 20) if sum(colour) > 420 else (250, 250, 250)
    _text(bar, text, (56, 18), 0.6, ink)
    _text(bar, club.name.upper(), (56, 35), 0.34, (240, 240, 240))
    _ICONS.get(kind, _no_icon)(bar)
    return bar


def _goal_banner(club: Club) -> np.ndarray:
    bar = np.full((78, WIDTH, 3), club.shirt, np.uint8)
    for x in range(-80, WIDTH, 60):
        stripe = np.array([(x, 78), (x + 30, 78), (x + 70, 0), (x + 40, 0)], np.int32)
        cv2.fillConvexPoly(bar, stripe, [min(255, c + 50) for c in club.shirt], cv2.LINE_AA)
    ink = (255, 255, 255) if sum(club.shirt) < 480 else (30, 20, 20)
    cv2.putText(bar, "GOAL!", (96, 56), _FONT, 1.9, ink, 4, cv2.LINE_AA)
    _text(bar, club.name.upper(), (150, 73), 0.42, ink)
    return bar


def _no_icon(bar: np.ndarray) -> None:
    """Captions without a sign of their own."""


def _card_icon(bar: np.ndarray) -> None:
    bar[4:34, 22:42] = (20, 20, 20)
    bar[5:33, 23:41] = (30, 225, 250)


def _sub_icon(bar: np.ndarray) -> None:
    up = np.array([(18, 24), (34, 24), (26, 5)], np.int32)
    down = np.array([(28, 14), (46, 14), (37, 34)], np.int32)
    cv2.fillConvexPoly(bar, up, (60, 210, 40), cv2.LINE_AA)
    cv2.fillConvexPoly(bar, down, (40, 40, 230), cv2.LINE_AA)


def _flag_icon(bar: np.ndarray) -> None:
    for i in range(4):
        for j in range(3):
            colour = (20, 220, 250) if (i + j) % 2 else (30, 60, 235)
            cv2.rectangle(bar, (18 + i * 7, 5 + j * 7), (24 + i * 7, 11 + j * 7), colour, -1)
    cv2.line(bar, (17, 4), (17, 36), (230, 230, 230), 2)


def _ball_icon(bar: np.ndarray) -> None:
    cv2.circle(bar, (31, 18), 13, (250, 250, 250), -1, cv2.LINE_AA)
    cv2.circle(bar, (31, 18), 5, (30, 30, 30), -1, cv2.LINE_AA)


_ICONS = {
    "yellow": _card_icon,
    "sub": _sub_icon,
    "offside": _flag_icon,
    "ontarget": _ball_icon,
    "offtarget": _ball_icon,
}


def _replay_sign(picture: np.ndarray, frame: int) -> None:
    cv2.rectangle(picture, (0, 0), (WIDTH - 1, HEIGHT - 1), LEAGUE_COLOUR, 5)
    cv2.rectangle(picture, (12, 10), (76, 28), LEAGUE_COLOUR, -1)
    _text(picture, "REPLAY", (18, 23), 0.42, (255, 255, 255))


def _wipe(picture: np.ndarray, progress: float) -> None:
    """Sweep the league's sign over the picture; in the middle it covers all."""
    x = round((2 * progress - 1) * 1.7 * WIDTH) + WIDTH // 2
    half = round(0.8 * WIDTH)
    corners = [(x - half, HEIGHT), (x + half, HEIGHT), (x + half + 60, 0), (x - half + 60, 0)]
    band = np.array(corners, np.int32)
    cv2.fillConvexPoly(picture, band, LEAGUE_COLOUR, cv2.LINE_AA)
    cv2.polylines(picture, [band], True, (90, 220, 250), 8, cv2.LINE_AA)
    cv2.circle(picture, (x + 20, HEIGHT // 2), 56, (245, 245, 245), -1, cv2.LINE_AA)
    cv2.circle(picture, (x + 20, HEIGHT // 2), 46, LEAGUE_COLOUR, -1, cv2.LINE_AA)
    cv2.circle(picture, (x + 20, HEIGHT // 2), 20, (90, 220, 250), -1, cv2.LINE_AA)
