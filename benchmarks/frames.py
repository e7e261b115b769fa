"""Frames: are they the original loader's, bit for bit, and how fast are they read?

The original (``SoccerNet.DataLoader.FrameCV``) no longer runs on today's packages, so it runs in
an environment of its own, which is made on the first run (pip, about 200 MB):

    python benchmarks/frames.py
    python benchmarks/frames.py --old_env /tmp/old --media match.mkv --repeats 5

Every time is the best of the repeats, original and ours in turn.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import venv
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from action_spotting.dataset.media import Clip
from action_spotting.io.tables import table
from action_spotting.visual.frames import FrameOptions, with_frames
from action_spotting.visual.transforms import square

OLD_PACKAGES = ("numpy<2", "opencv-python<4.12", "moviepy<2", "imutils", "scikit-video", "tqdm")
OLD_READER = """
import json, sys, time
from SoccerNet.DataLoader import FrameCV
import numpy as np
path, target, transform, start, duration = json.loads(sys.argv[1])
began = time.perf_counter(), time.process_time()
frames = FrameCV(path, transform=transform, start=start, duration=duration).frames
print(json.dumps([time.perf_counter() - began[0], time.process_time() - began[1]]))
np.save(target, frames)
"""


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--old_env", default=Path(tempfile.gettempdir()) / "soccernet-loader-env")
    parser.add_argument("--media", nargs="*", default=[], help="further videos")
    parser.add_argument("--seconds", type=float, default=120.0, help="length of the made videos")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    old = old_python(Path(args.old_env))
    with tempfile.TemporaryDirectory() as folder:
        cases = made_cases(Path(folder), args.seconds)
        cases += [(Path(path).name, Path(path), None, None) for path in args.media]
        rows = [row for case in cases for row in measure(old, *case, args.repeats)]
    head = ("video", "transform", "rows", "original s", "pyav equal", "x faster", "x less work")
    print(table((*head, "opencv equal", "x faster", "x less work"), rows))


def old_python(folder: Path) -> Path:
    """Make the environment of the original loader, once."""
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        print(f"making the original loader's environment in {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *OLD_PACKAGES], check=True)
        subprocess.run([*pip, "--no-deps", "SoccerNet"], check=True)
        (folder / "ready").touch()
    return python


def made_cases(folder: Path, seconds: float) -> list[tuple[str, Path, float | None, float | None]]:
    """Make the videos: name, path, start, duration."""
    plain = make_video(folder / "plain.mkv", seconds, 25)
    ntsc = make_video(folder / "ntsc.mkv", seconds, Fraction(30000, 1001))
    lying = make_video(folder / "lying.mkv", seconds, 25, stated=50)
    large = make_video(folder / "large.mkv", seconds / 4, 25, size=(1280, 720), colours=1)
    return [
        ("LQ 25 fps", plain, None, None),
        ("LQ 29.97 fps", ntsc, None, None),
        ("LQ, header says 50 fps", lying, None, None),
        ("LQ, a part", plain, seconds / 6, seconds / 2),
        ("720p 25 fps, BT.709", large, None, None),
    ]


def make_video(
    path: Path, seconds: float, rate, *, stated=None, size=(398, 224), colours=None
) -> Path:
    """Write a panning, noisy picture with H.264 as broadcasters use it."""
    import av
    import cv2

    width, height = size
    rng = np.random.default_rng(0)
    ground = cv2.resize(
        rng.integers(0, 255, (height // 6, width // 3, 3), dtype=np.uint8),
        (2 * width, height),
        interpolation=cv2.INTER_CUBIC,
    )
    grain = rng.normal(0, 3, (8, height, width, 3)).astype(np.int16)
    said = Fraction(stated or rate)
    step = said / Fraction(rate)
    with av.open(str(path), "w") as out:
        options = {"preset": "medium", "crf": "26"}
        video = out.add_stream("libx264", rate=said, options=options)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        if colours is not None:
            video.codec_context.colorspace = colours
        for i in range(round(seconds * rate)):
            left = round(width / 2 * (1 + np.sin(i / 150)))
            picture = ground[:, left : left + width] + grain[i % 8]
            frame = av.VideoFrame.from_ndarray(np.clip(picture, 0, 255).astype(np.uint8), "bgr24")
            frame.pts, frame.time_base = round(i * step), 1 / said
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    return path


def measure(old: Path, name: str, path: Path, start, duration, repeats: int) -> list[tuple]:
    """Compare and time one video with both transforms."""
    rows = []
    for transform in ("crop", "resize"):
        times: dict[str, list[tuple[float, float]]] = {"original": [], "pyav": [], "opencv": []}
        found = {}
        for _ in range(repeats):
            found["original"], took = read_original(old, path, transform, start, duration)
            times["original"].append(took)
            for grabber in ("pyav", "opencv"):
                found[grabber], took = read_ours(path, transform, start, duration, grabber)
                times[grabber].append(took)
        wall, work = (
            {key: min(value[i] for value in values) for key, values in times.items()}
            for i in (0, 1)
        )
        row: list[object] = [name, transform, len(found["original"]), f"{wall['original']:.2f}"]
        for grabber in ("pyav", "opencv"):
            equal = np.array_equal(found["original"], found[grabber])
            ratios = [f"{times['original'] / times[grabber]:.2f}" for times in (wall, work)]
            row += ["yes" if equal else "NO", *ratios]
        rows.append(tuple(row))
    return rows


def read_original(old: Path, path: Path, transform: str, start, duration):
    """Read with the original loader: frames, seconds and processor seconds without start-up."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "frames.npy"
        given = json.dumps([str(path), str(target), transform, start, duration])
        done = subprocess.run(
            [str(old), "-c", OLD_READER, given], check=True, capture_output=True, text=True
        )
        wall, work = json.loads(done.stdout.splitlines()[-1])
        return np.load(target), (wall, work)


def read_ours(path: Path, transform: str, start, duration, grabber: str):
    """Read with this project's reader: the frames, and seconds as `read_original`."""
    began = time.perf_counter(), time.process_time()
    clip = Clip(path, start, duration)
    options = FrameOptions(grabber=grabber)
    frames = with_frames(
        clip, options, lambda frames: np.array([square(frame, transform) for frame in frames])
    )
    return frames, (time.perf_counter() - began[0], time.process_time() - began[1])


if __name__ == "__main__":
    main()
