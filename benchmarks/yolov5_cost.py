"""What a trained YOLOv5 costs: time a frame and memory at 640 and 1280, beside the stand-in of the
sample.

    python benchmarks/yolov5_cost.py --weights yolov5n.onnx --media match.mp4

The times are medians of calls in turn on the same pictures, network and suppression together. A
half is 5,400 frames; the other sizes of YOLOv5 are projected by the operations that its package
publishes (GFLOP a picture of 640 × 640).
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from action_spotting.dataset.media import Clip
from action_spotting.io.tables import table
from action_spotting.sample.detector import write_detector
from action_spotting.visual.detector import Detector, DetectorSettings, letterbox
from action_spotting.visual.frames import FrameOptions, with_frames

GFLOP = {"yolov5n": 4.5, "yolov5s": 16.5, "yolov5m": 49.0, "yolov5l": 109.1, "yolov5x": 205.7}
HALF_FRAMES = 5400
MEMORY = "--memory_of"


def time_a_frame(detectors: dict[str, Detector], frame: np.ndarray, repeats: int) -> dict:
    """Median seconds a frame of each, called in turn."""
    times: dict[str, list[float]] = {name: [] for name in detectors}
    for _ in range(repeats):
        for name, detector in detectors.items():
            batch = np.stack([letterbox(frame, detector.side)] * detector.batch_size)
            began = time.perf_counter()
            detector(batch)
            times[name].append((time.perf_counter() - began) / detector.batch_size)
    return {name: float(np.median(taken)) for name, taken in times.items()}


def peak_mb(weights: Path, side: int) -> int:
    """Peak memory of a process that detects with the batch chosen by itself, in MB."""
    words = [sys.executable, __file__, "--weights", str(weights), MEMORY, str(side)]
    return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="an ONNX export of YOLOv5")
    parser.add_argument("--model", choices=tuple(GFLOP), default="yolov5n", help="which one it is")
    parser.add_argument("--media", type=Path, help="a video of 720 lines")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument(MEMORY, type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.memory_of:
        detector = Detector(DetectorSettings(args.weights, imgsz=args.memory_of))
        detector(np.zeros((detector.batch_size, detector.side, detector.side, 3), np.uint8))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        return
    # before anything is loaded here: a process begins with the peak of the one that starts it
    memory = {side: peak_mb(args.weights, side) for side in (640, 1280)}
    (frame,) = with_frames(Clip(args.media), FrameOptions(), lambda frames: list(islice(frames, 1)))
    with tempfile.TemporaryDirectory() as folder:
        stand_in = write_detector(Path(folder) / "stand_in.onnx")
        detectors = {
            "stand-in, 640": Detector(DetectorSettings(stand_in)),
            f"{args.model}, 640": Detector(DetectorSettings(args.weights, imgsz=640)),
            f"{args.model}, 1280": Detector(DetectorSettings(args.weights, imgsz=1280)),
        }
        times = time_a_frame(detectors, frame, args.repeats)
    cells = []
    for name, taken in times.items():
        kind, side = name.split(", ")
        peak = str(memory[int(side)]) if kind == args.model else ""
        cells.append([name, f"{taken:.3f}", f"{taken * HALF_FRAMES / 60:.0f}", peak])
        for other in GFLOP:
            if kind == args.model and other in ("yolov5s", "yolov5m") and other != kind:
                scaled = taken * GFLOP[other] / GFLOP[kind]
                half = f"{scaled * HALF_FRAMES / 60:.0f}"
                cells.append([f"{other}, {side} (by GFLOP)", f"{scaled:.3f}", half, ""])
    print(table(["network", "s a frame", "min a half", "peak MB"], cells))


if __name__ == "__main__":
    main()
