"""Writes the set: videos, labels, cues, splits; what is there and whole is kept."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from action_spotting.dataset.event_files import UNSHOWN
from action_spotting.dataset.events import game_time
from action_spotting.dataset.layout import labels_path
from action_spotting.dataset.media import open_media
from action_spotting.dataset.splits import SPLITS_FILE
from action_spotting.errors import InputError, UsageError
from action_spotting.io.files import whole_file, write_json
from action_spotting.io.progress import Progress
from action_spotting.sample.game import HALF_S, Game, plan_games
from action_spotting.sample.picture import Painter
from action_spotting.sample.pitch import HEIGHT, WIDTH
from action_spotting.sample.script import FPS, TEAM_NAMES, HalfScript
from action_spotting.sample.sound import RATE, soundtrack

CUES_FILE = "cues.json"
_AAC = {"aac_coder": "fast", "aac_is": "0", "aac_ms": "0", "aac_pns": "0", "aac_tns": "0"}
_X264 = {"preset": "superfast", "crf": "24", "x264-params": "threads=1:lookahead-threads=1"}


def make_sample(
    root: Path,
    *,
    seed: int = 0,
    matches: int = 9,
    half_s: tuple[float, float] = HALF_S,
    workers: int = 2,
) -> list[str]:
    """Write sample matches in SoccerNet's layout; a repeated or interrupted call goes on.

    Each game gets ``1_224p.mkv``, ``2_224p.mkv`` (398×224, 25 fps, H.264, AAC stereo),
    ``Labels-v2.json`` and ``cues.json`` (whistles, cuts and replays, for checks; no stage reads
    it). ``splits.json`` comes last.

    Parameters
    ----------
    root
        The dataset folder; made when it is not there.
    seed
        The same seed gives the same bytes.
    matches
        How many, from 3: about 4 train : 1 valid : 4 test.
    half_s
        Shortest and longest half in seconds; (12, 16) makes tiny ones for tests.
    workers
        Processes; each makes one half at a time.

    Returns
    -------
    list of str
        The games, as ``league/season/game``.

    Raises
    ------
    UsageError
        Fewer than 3 matches, halves shorter than 10 s, or a folder that cannot be written.
    """
    if matches < 3:
        raise UsageError(f"{matches} sample matches: 3 are needed (train, valid, test)")
    if not 10 <= half_s[0] <= half_s[1]:
        raise UsageError(f"half_s {half_s}: expected (shortest, longest) from 10 s")
    root = Path(root)
    planned = plan_games(seed, matches, half_s)
    _make_videos(root, planned, workers)
    splits: dict[str, list[str]] = {}
    for game in planned:
        write_json(labels_path(root, game.name), labels(game))
        write_json(root / game.name / CUES_FILE, cues(game))
        splits.setdefault(game.split, []).append(game.name)
    write_json(root / SPLITS_FILE, splits)
    return [game.name for game in planned]


def labels(game: Game) -> dict[str, Any]:
    """Give a game's ``Labels-v2.json``."""
    entries = [
        {
            "gameTime": game_time(half.number, _ms(event.frame)),
            "label": event.label,
            "position": str(_ms(event.frame)),
            "team": TEAM_NAMES[event.team],
            "visibility": "visible" if event.shown else UNSHOWN,
        }
        for half in game.halves
        for event in half.events
    ]
    return {"UrlLocal": game.name, "annotations": entries}


def cues(game: Game) -> dict[str, Any]:
    """Give what is heard and seen when, by half: for checks of the stages, not for them."""
    return {
        str(half.number): {
            "frames": half.frames,
            "sounds": [{"kind": s.kind, "onset_ms": _ms(s.frame)} for s in half.sounds],
            "shots": [
                {"kind": shot.kind, "start_ms": _ms(shot.start), "end_ms": _ms(end)}
                for shot, end in half.shot_spans()
            ],
        }
        for half in game.halves
    }


def _ms(frame: int) -> int:
    return frame * 1000 // FPS


def _make_videos(root: Path, games: Sequence[Game], workers: int) -> None:
    """Make the videos that are missing or broken."""
    todo = [
        (half, path)
        for game in games
        for half in game.halves
        if not _is_whole(path := root / game.name / f"{half.number}_224p.mkv", half)
    ]
    if not todo:
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(todo)), context, initializer=_start_worker)
    with Progress(len(todo), "sample matches", "half") as bar:
        try:
            with _interrupts_held():
                futures = [pool.submit(write_half, *item) for item in todo]
            for done in as_completed(futures):
                done.result()
                bar.update()
        finally:
            pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back; processes that are started meanwhile leave it to their parent for good."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    """End when the parent is gone."""
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _is_whole(path: Path, half: HalfScript) -> bool:
    """Whether the video of a half is there, with all its frames."""
    import av

    try:
        with open_media(path) as container:
            return sum(p.pts is not None for p in container.demux(video=0)) == half.frames
    except (InputError, av.FFmpegError, IndexError):
        return False


def write_half(half: HalfScript, path: Path) -> None:
    """Draw, sound and encode one half to the ``.mkv`` file `path`, whole or not at all.

    One thread, no dates: the same script gives the same bytes.
    """
    import av

    cv2.setNumThreads(1)
    track, samples = soundtrack(half), RATE // FPS
    with (
        whole_file(path) as part,
        av.open(str(part), "w", format="matroska", options={"fflags": "+bitexact"}) as container,
    ):
        video = container.add_stream("libx264", rate=FPS, options=dict(_X264))
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.thread_count = 1
        audio = container.add_stream("aac", rate=RATE, layout="stereo", options=dict(_AAC))
        audio.bit_rate = 96_000
        for stream in (video, audio):
            stream.codec_context.flags |= av.codec.context.Flags.bitexact
        for i, pixels in enumerate(Painter(half).frames()):
            planes = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2YUV_I420), np.uint8)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = i
            container.mux(video.encode(frame))
            block = np.ascontiguousarray(track[:, i * samples : (i + 1) * samples])
            heard = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            heard.sample_rate, heard.pts = RATE, i * samples
            container.mux(audio.encode(heard))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
