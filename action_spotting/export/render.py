"""A stretch of a video with its captions, played into a movie: what reel and overlay share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import av
from tqdm import tqdm

from action_spotting.dataset.media import open_media, sound_streams
from action_spotting.export.captions import Caption, CaptionTrack
from action_spotting.export.match import Moment
from action_spotting.export.media import Movie, fitted, picture_of, play

BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
"""A progress bar over seconds of video."""


@dataclass(frozen=True)
class Stretch:
    """Part of a media file and what is written on it.

    Attributes
    ----------
    path
        The file.
    start_s, end_s
        Since the file's start.
    captions
        On the same clock.
    """

    path: Path
    start_s: float
    end_s: float
    captions: tuple[Caption, ...]


def caption_of(moment: Moment, start_ms: int, end_ms: int) -> Caption:
    """Word a moment: its name; half, time and confidence behind it.

    >>> caption_of(Moment(2, 61000, 0, "Goal", "Goal", 0.934), 0, 1).subtitle
    'H2 01:01  93%'
    """
    half, _, time = moment.game_time.partition(" - ")
    return Caption(start_ms, end_ms, moment.name, f"H{half} {time}  {moment.confidence:.0%}")


def render(
    movie: Movie,
    stretch: Stretch,
    *,
    at_s: float,
    bar: tqdm,
    sound: bool = True,
    copy_sound: bool = False,
) -> None:
    """Play a stretch into `movie`, beginning at `at_s`, with its captions drawn.

    Parameters
    ----------
    movie, stretch
        Where to, and what.
    at_s
        Where in the movie, in seconds.
    bar
        Counts seconds of video.
    sound
        Whether the movie has sound.
    copy_sound
        Pass the packets of the sound on as they are.
    """
    track = CaptionTrack(stretch.captions, *movie.size)
    shift = at_s - stretch.start_s
    shown_s = stretch.start_s
    with open_media(stretch.path) as container:
        video = picture_of(container, stretch.path)
        sounds = sound_streams(container)[:1] if sound else []
        for time_s, item in play(
            container,
            [video, *sounds],
            start_s=stretch.start_s,
            end_s=stretch.end_s,
            copied=sounds[0] if sounds and copy_sound else None,
        ):
            if isinstance(item, av.VideoFrame):
                time_s = max(time_s, stretch.start_s)
                frame = _captioned(fitted(video, item, movie.size), track, 1000 * time_s)
                movie.show(frame, time_s + shift)
                bar.update(max(0.0, time_s - shown_s))
                shown_s = max(shown_s, time_s)
            elif isinstance(item, av.Packet):
                movie.copy(item, time_s)
            else:
                movie.hear(item, time_s + shift, stretch.end_s + shift)
    if math.isfinite(stretch.end_s):
        bar.update(max(0.0, stretch.end_s - shown_s))


def _captioned(frame: av.VideoFrame, track: CaptionTrack, at_ms: float) -> av.VideoFrame:
    """Draw what the track shows at a time; give the frame itself where that is nothing."""
    if not track.active(at_ms):
        return frame
    planes = frame.to_ndarray()
    track.draw(planes, at_ms)
    return av.VideoFrame.from_ndarray(planes, format="yuv420p")
