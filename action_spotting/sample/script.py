"""What happens in a half and how it is told: events, cuts, captions, sounds, the ball's way.

Times are frames (25 a second), counted from the half's start. The pitch lies in metres around its
centre: x along the touchlines (-52.5 to 52.5), y across it (-34, the camera's side, to 34).
"""

from __future__ import annotations

from typing import NamedTuple

FPS = 25
LENGTH_M, WIDTH_M = 105.0, 68.0
GOAL_X, TOUCH_Y = LENGTH_M / 2, WIDTH_M / 2
HOME, AWAY, NOBODY = 0, 1, 2
TEAM_NAMES = ("home", "away", "not applicable")

Colour = tuple[int, int, int]
"""Blue, green, red, as OpenCV draws."""


def colours(text: str) -> list[Colour]:
    """Read colours: blue, green, red in hexadecimal.

    >>> colours("ff0000 0000ff")
    [(255, 0, 0), (0, 0, 255)]
    """
    return [(value[0], value[1], value[2]) for value in map(bytes.fromhex, text.split())]


class Event(NamedTuple):
    """An annotated event; `shown` is False where the picture is elsewhere."""

    frame: int
    label: str
    team: int
    shown: bool = True


class Shot(NamedTuple):
    """What the camera shows, from `start` to the next shot's start.

    `mark` is the frame at which the thing it shows happens (a card goes up, a ball is thrown);
    a replay shows the world from frame `source` on, at `rate` times its speed.
    """

    start: int
    kind: str
    team: int = HOME
    mark: int = 0
    source: int = 0
    rate: float = 1.0
    zoom: float = 1.0


class Graphic(NamedTuple):
    """A caption or wipe laid over the picture from `start` to `end`."""

    start: int
    end: int
    kind: str
    team: int = NOBODY


class Sound(NamedTuple):
    """One sound; `kind` names its maker in `sound.MAKERS`, `pan` runs from -1 (left) to 1."""

    frame: int
    kind: str
    level: float = 1.0
    pan: float = 0.0


class BallKey(NamedTuple):
    """Where the ball is touched; between two keys it runs straight."""

    frame: int
    x: float
    y: float
    z: float = 0.0
    team: int = NOBODY


class Score(NamedTuple):
    """The score shown from `frame` on."""

    frame: int
    home: int
    away: int


class Club(NamedTuple):
    """A team: its name and what its players wear."""

    name: str
    shirt: Colour
    shorts: Colour
    keeper: Colour


class HalfScript(NamedTuple):
    """All that is needed to draw, sound and label one half.

    `seed` seeds what the script leaves open (looks of players, noise); `clubs` are home and away;
    the match clock shows `clock_s` seconds at frame 0 and runs from frame `clock_from` on; at the
    frames `lineups` both teams stand in their own halves (kick-offs).
    """

    seed: tuple[int, ...]
    clubs: tuple[Club, Club]
    number: int
    frames: int
    clock_s: int
    clock_from: int
    events: tuple[Event, ...] = ()
    shots: tuple[Shot, ...] = ()
    graphics: tuple[Graphic, ...] = ()
    sounds: tuple[Sound, ...] = ()
    ball: tuple[BallKey, ...] = ()
    scores: tuple[Score, ...] = ()
    lineups: tuple[int, ...] = ()

    def shot_spans(self) -> list[tuple[Shot, int]]:
        """Give every shot with the frame at which it ends."""
        ends = [shot.start for shot in self.shots[1:]] + [self.frames]
        return list(zip(self.shots, ends, strict=True))


def goal_side(team: int, number: int) -> int:
    """Give the sign of x of the goal that `team` attacks in half `number`.

    >>> goal_side(HOME, 1), goal_side(AWAY, 1), goal_side(HOME, 2)
    (1, -1, -1)
    """
    return 1 if (team == HOME) == (number == 1) else -1
