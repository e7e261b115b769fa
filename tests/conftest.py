"""Fixtures that several rooms use: small media made on the spot, and game folders."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import ModuleType

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import av
import numpy as np
import pytest
from hypothesis import settings

from action_spotting.io.ffmpeg import ffmpeg_exe

from .odd_media import odd_media

__all__ = ["odd_media"]

# How long an example takes depends on what else the machine does.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# In the background of a script the tests are started with Ctrl-C ignored, which the processes
# that tests interrupt would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


def write_video(
    path: Path,
    *,
    seconds: float = 2.0,
    fps: int = 25,
    size: tuple[int, int] = (398, 224),
    sound: bool = True,
) -> Path:
    """Write an H.264 video of moving noise, with a 440 Hz tone when `sound`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    rng = np.random.default_rng(0)
    ground = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "threads": "1"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = out.add_stream("aac", rate=16000, layout="mono") if sound else None
        for i in range(round(seconds * fps)):
            picture = np.roll(ground, i, axis=1) // 8 * 8
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(video.encode(None))
        if audio:
            n = round(seconds * 16000)
            tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(n) / 16000, dtype=np.float32)
            for start in range(0, n, 1024):
                block = tone[None, start : start + 1024].astype(np.float32)
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
                frame.sample_rate, frame.pts = 16000, start
                out.mux(audio.encode(frame))
            out.mux(audio.encode(None))
    return path


@pytest.fixture(scope="session")
def tone_video(tmp_path_factory) -> Path:
    """A 2 s, 398×224, 25 fps video with a tone."""
    return write_video(tmp_path_factory.mktemp("media") / "tone.mkv")


@pytest.fixture(scope="session")
def silent_video(tmp_path_factory) -> Path:
    """A 2 s video without a sound track."""
    return write_video(tmp_path_factory.mktemp("media") / "silent.mp4", sound=False)


LINE = re.compile(r"Duration: (\d+):(\d+):(\d+\.\d+)")


def make_video(
    path: Path,
    *,
    frames: int = 100,
    rate: Fraction | int = 25,
    stated_rate: Fraction | int | None = None,
    size: tuple[int, int] = (398, 224),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    sound_s: float = 0.0,
    lost: range = range(0),
    options: dict[str, str] | None = None,
    colours: int | None = None,
) -> Path:
    """Write a video of moving shapes with B-frames.

    `stated_rate` is what the container says where it lies, `lost` are frames left out, `sound_s`
    is the length of a sound track, `colours` the colour space that the stream names.
    """
    width, height = size
    rng = np.random.default_rng(3)
    ground = np.kron(
        rng.integers(0, 255, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8),
        np.ones((8, 8, 1), np.uint8),
    )[:height, :width]
    said = Fraction(stated_rate or rate)
    if options is None:
        options = {"preset": "ultrafast", "bf": "3"} if codec == "libx264" else {}
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate=said, options=options | {"threads": "1"})
        video.width, video.height, video.pix_fmt = width, height, pix_fmt
        if colours is not None:
            video.codec_context.colorspace = colours
        sound = out.add_stream("aac", rate=16000, layout="mono") if sound_s else None
        step = said / Fraction(rate)
        for i in range(frames):
            if i in lost:
                continue
            picture = np.roll(ground, (3 * i, i), axis=(1, 0))
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(i * step), 1 / said
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if sound:
            tone = np.sin(np.arange(round(sound_s * 16000)) * 0.2).astype(np.float32)
            for first in range(0, len(tone), 1024):
                part = av.AudioFrame.from_ndarray(tone[None, first : first + 1024], "flt", "mono")
                part.sample_rate, part.pts = 16000, first
                out.mux(sound.encode(part))
            out.mux(sound.encode(None))
    return path


VIDEOS: dict[str, Callable[[Path], Path]] = {
    "plain": lambda folder: make_video(folder / "plain.mkv"),
    "ntsc": lambda folder: make_video(folder / "ntsc.mkv", rate=Fraction(30000, 1001)),
    "wrong rate": lambda folder: make_video(folder / "rate.mkv", stated_rate=50),
    "long sound": lambda folder: make_video(folder / "sound.mkv", sound_s=5.0),
    "lost frames": lambda folder: make_video(folder / "lost.mkv", lost=range(40, 60)),
    "mp4": lambda folder: make_video(folder / "plain.mp4", rate=50),
    "mpeg4 avi": lambda folder: make_video(folder / "old.avi", codec="mpeg4"),
    "full range": lambda folder: make_video(folder / "range.mkv", pix_fmt="yuvj420p"),
    "transport stream": lambda folder: make_video(
        folder / "plain.ts", options={"preset": "ultrafast", "bf": "3", "g": "25"}
    ),
}


@pytest.fixture(scope="session")
def videos(tmp_path_factory) -> dict[str, Path]:
    """Small videos by name."""
    folder = tmp_path_factory.mktemp("videos")
    return {name: make(folder) for name, make in VIDEOS.items()}


@pytest.fixture(scope="session")
def new_video() -> Callable[..., Path]:
    """Make a video; see `make_video`."""
    return make_video


@pytest.fixture(scope="session")
def original() -> Callable[..., np.ndarray]:
    """Read frames as the original does; see `original_frames`."""
    return original_frames


def banner_duration(path: Path) -> float:
    """Read a duration as moviepy 1 does: from what the ffmpeg program prints."""
    command = [ffmpeg_exe(), "-i", str(path)]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    hours, minutes, seconds = LINE.search(text).groups()  # type: ignore[union-attr]
    return 3600 * float(hours) + 60 * float(minutes) + float(seconds)


def original_frames(
    path: Path,
    transform: str = "crop",
    start: float | None = None,
    duration: float | None = None,
    fps: float = 2.0,
) -> np.ndarray:
    """Read frames one by one, in memory, twice where needed: as SoccerNet's FrameCV does."""
    import cv2

    video = cv2.VideoCapture(str(path))
    rate = video.get(cv2.CAP_PROP_FPS)
    seconds = banner_duration(path)
    while True:
        video = cv2.VideoCapture(str(path))
        kept, read = [], 0
        while True:
            there, frame = video.read()
            if not there:
                break
            read += 1
            if start is not None and read < rate * start:
                continue
            if duration is not None and read > rate * (start + duration):
                continue
            if read % (rate / fps) < 1:
                if transform == "crop":
                    side = int((frame.shape[1] - 224) / 2)
                    frame = frame[:, side:-side]
                else:
                    frame = cv2.resize(frame, (224, 224), interpolation=cv2.INTER_CUBIC)
                kept.append(frame)
        if int(seconds * rate) - (read + 1) <= 1:
            return np.array(kept)
        rate = (read + 1) / seconds


@pytest.fixture(scope="session")
def visual_door() -> Callable[[str], ModuleType]:
    """Load a door of ``Features/`` as a module."""

    def load(name: str) -> ModuleType:
        path = Path(__file__).parents[1] / "Features" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
        spec.loader.exec_module(module)  # type: ignore[union-attr]
        return module

    return load


def make_detector(
    path: Path,
    *,
    boxes: list[tuple[float, ...]] | None = None,
    batch: int | str = "batch",
    side: int | str = 640,
    count: int = 25200,
    classes: int = 80,
    names: str | None = None,
    half: bool = False,
) -> Path:
    """Write a network with YOLOv5's input and output that sees the same boxes in every picture.

    A box is (centre x, centre y, width, height, objectness, class, score of the class). All
    objectness is multiplied by the picture's mean brightness, so that what it sees depends on
    what it is given.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    output = np.zeros((1, count, 5 + classes), np.float16 if half else np.float32)
    for i, (x, y, width, height, sure, index, score) in enumerate(boxes or []):
        output[0, i, :5] = x, y, width, height, sure
        output[0, i, 5 + int(index)] = score
    bright = np.zeros((1, 1, 5 + classes), output.dtype)
    bright[..., 4] = 1
    constants = {"boxes": output, "bright": bright, "rest": 1 - bright, "axis": np.array([3])}
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=1),
            helper.make_node("Squeeze", ["mean", "axis"], ["mean3"]),
            helper.make_node("Mul", ["mean3", "bright"], ["light"]),
            helper.make_node("Add", ["light", "rest"], ["factor"]),
            helper.make_node("Mul", ["factor", "boxes"], ["output0"]),
        ],
        "detector",
        [helper.make_tensor_value_info("images", kind, [batch, 3, side, side])],
        [helper.make_tensor_value_info("output0", kind, [batch, count, 5 + classes])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if names:
        helper.set_model_props(model, {"names": names, "stride": "32"})
    onnx.save(model, str(path))
    return path


@pytest.fixture(scope="session")
def new_detector() -> Callable[..., Path]:
    """Write a detector; see `make_detector`."""
    return make_detector
