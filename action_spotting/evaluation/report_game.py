"""A game as the report shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from action_spotting.dataset.events import Events
from action_spotting.dataset.match_names import Heading, heading


@dataclass(frozen=True)
class Game:
    """One game to show.

    Attributes
    ----------
    name
        SoccerNet's ``UrlLocal``, whose teams and score become the heading, or any title.
    spots
        What was spotted.
    videos
        File of the video of each half, relative to the folder of the report; browsers play MP4 and
        WebM, some of them Matroska too. Halves may share a file.
    starts_s
        Where a half begins in its video, in seconds; 0 for one that is not named.
    lengths_s
        How long a half lasts, in seconds; up to its last event for one that is not named.
    pictures
        Thumbnails: index of the spot, and the content of a PNG or JPEG file.
    probability
        Probability that each spot is correct, in [0, 1], float ``(n,)``: what the report then
        shows of a spot. None: unknown, it shows the confidence.
    files
        Other files made of the spots, relative to the folder of the report, by what they are
        called in its links.
    """

    name: str
    spots: Events
    videos: Mapping[int, str] = field(default_factory=dict)
    starts_s: Mapping[int, float] = field(default_factory=dict)
    lengths_s: Mapping[int, float] = field(default_factory=dict)
    pictures: Sequence[tuple[int, bytes]] = ()
    probability: np.ndarray | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def heading(self) -> Heading:
        """Teams, score and date, where the name holds them."""
        return heading(self.name)

    @property
    def measure(self) -> str:
        """What the report shows of a spot: ``probability`` or ``confidence``."""
        return "confidence" if self.probability is None else "probability"

    @property
    def values(self) -> np.ndarray:
        """The probability of each spot where it is known, else its confidence."""
        return self.spots.confidence if self.probability is None else self.probability
