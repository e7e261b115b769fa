"""Features of SoccerNet's player boxes and pitch calibrations, for games without video too."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.feature_types import feature_type
from action_spotting.dataset.features import open_feature, write_feature
from action_spotting.dataset.layout import Half, released_path
from action_spotting.dataset.media import Clip, probe
from action_spotting.dataset.records import source_of
from action_spotting.errors import InputError, UsageError, unknown
from action_spotting.extraction.job import make_file
from action_spotting.io.items import Outcome, Summary, run_items
from action_spotting.visual import camera_vector, yolov5_vector
from action_spotting.visual.released_json import FPS, read_cameras, read_players

DEFINITION = 1
"""Number of the definition of both; another one makes other features."""

OTHER_MATCH_S = 3.0
"""Seconds between two ends from which they are taken for those of two matches."""

OTHER_SHAPE = 0.03
"""Relative difference of two proportions of width and height, likewise."""

LEAST_CONFIDENCE = 0.75
"""Calibrations of less count as none, as in SoccerNet's own use of them."""

FILES = {"MaskRCNN": "player_boundingbox_maskrcnn", "CCBV": "field_calib_ccbv"}
"""The features, and what was released that they are made of."""

_STRETCHED = {(720, 576), (704, 576), (720, 480), (704, 480), (1440, 1080)}
"""Width and height of pictures whose pixels are no squares."""


def convert(
    halves: Iterable[Half],
    name: str,
    *,
    video: str = "LQ",
    overwrite: bool = False,
    fail_fast: bool = False,
) -> Summary:
    """Make ``1_MaskRCNN.npy`` or ``1_CCBV.npy`` of the JSON files in the games' folders.

    About twenty of the released files are of other matches: their duration and the shape of their
    pictures are compared with the half's media and, where there are none, with its features.

    Parameters
    ----------
    halves
        Of a dataset folder.
    name
        ``MaskRCNN``: the 64 numbers of `action_spotting.visual.yolov5_vector` from the player
        boxes; ``CCBV``: the 20 of `action_spotting.visual.camera_vector` from the calibrations.
    video
        The media to compare with: ``LQ``, ``720p`` or ``HQ``.
    overwrite
        Make files that are already there anew.
    fail_fast
        Raise at the first half that fails instead of listing it.

    Returns
    -------
    Summary
        Files done and skipped, and the failures with their reasons.

    Raises
    ------
    UsageError
        No such feature.
    InputError
        With `fail_fast`: a file is missing, damaged or of another match.

    Examples
    --------
    >>> halves = [Half(Path("data"), "league/season/game", 1)]
    >>> [reason.split(": ")[1] for reason in convert(halves, "CCBV").failures.values()]
    ['missing; DownloadSoccerNet --what features fetches it']
    """
    if name not in FILES:
        raise UsageError(unknown("feature", name, FILES))
    work = partial(_convert_half, name, video=video, overwrite=overwrite)
    items = {str(half.feature(name)): half for half in halves}
    return run_items(name, items, work, fail_fast=fail_fast)


def _convert_half(name: str, half: Half, *, video: str, overwrite: bool) -> Outcome:
    path, target = released_path(half.folder, half.number, FILES[name]), half.feature(name)
    if not path.exists():
        raise InputError(f"{path}: missing; DownloadSoccerNet --what features fetches it")
    dims = len((yolov5_vector if name == "MaskRCNN" else camera_vector).DIMENSIONS)
    settings = {"fps": FPS, "from": FILES[name], "definition": DEFINITION}
    remarks: list[str] = []

    def make() -> None:
        rows, size = _rows(name, path)
        _check_match(path, half, len(rows), size, video, remarks.append)
        with write_feature(target, dims, settings, Clip(path)) as writer:
            writer.append(rows)

    source = source_of(Clip(path))
    state, _ = make_file(target, dims, settings, make, source=source, overwrite=overwrite)
    return state, "; ".join(remarks) or None


def _rows(name: str, path: Path) -> tuple[np.ndarray, tuple[int, int]]:
    if name == "MaskRCNN":
        boxes, size = read_players(path)
        return yolov5_vector.vectors(boxes), size
    cameras = read_cameras(path)
    size = cameras.height, cameras.width
    rows = camera_vector.vectors(cameras.homography, cameras.confidence, size, LEAST_CONFIDENCE)
    return rows, size


def _check_match(
    path: Path,
    half: Half,
    rows: int,
    size: tuple[int, int],
    video: str,
    remark: Callable[[str], object],
) -> None:
    """Raise `InputError` where a file is of another match than the half."""
    length_s, shapes, what = _known(half, video)
    if length_s is None:
        remark("neither media nor features to compare its duration with")
    elif abs(rows / FPS - length_s) > OTHER_MATCH_S:
        raise InputError(
            f"{path}: {rows / FPS:.1f} s, but {what} has {length_s:.1f} s: of another match, as "
            "about 20 of the released files are; leave it out, or detect with ExtractYOLOv5"
        )
    own = _shapes(*size)
    if shapes and min(abs(one / other - 1) for one in own for other in shapes) > OTHER_SHAPE:
        raise InputError(
            f"{path}: pictures of {size[1]} x {size[0]}, but those of {what} are "
            f"{min(shapes):.2f} times as wide as high: of another match or video"
        )


def _shapes(height: int, width: int) -> set[float]:
    """Width over height of a picture, as it is stored and as it may be shown."""
    return {width / height} | ({16 / 9, 4 / 3} if (width, height) in _STRETCHED else set())


def _known(half: Half, video: str) -> tuple[float | None, set[float], str]:
    """Duration and shapes of the half's media, else duration of its features; and their name."""
    with contextlib.suppress(InputError):
        clip = half.clip(video)
        found = probe(clip.path)
        length_s = clip.duration_s or found.duration_s - (clip.start_s or 0.0)
        shapes = _shapes(found.height, found.width) if found.has_picture else set()
        return length_s, shapes, clip.path.name
    for name in half.features():
        known: Any = feature_type(name)
        if known and name not in FILES:
            with contextlib.suppress(InputError):
                path = half.feature(name)
                return len(open_feature(path)) / known.fps, set(), path.name
    return None, set(), ""
