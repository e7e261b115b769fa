"""YOLOv5: are the boxes those of its own package, and how fast is the network?

The public ``yolov5`` package (with PyTorch) runs in an environment of its own, made on the first
run (pip, some GB). It builds the architecture with seeded random weights, whose head is made sure
enough to give boxes, and exports it to ONNX; the package's letterbox, network and suppression are
compared with ours on the same frames:

    python benchmarks/yolov5.py
    python benchmarks/yolov5.py --yolo_env /tmp/yolo --model yolov5s --media match.mp4

Every time is the best of the repeats, ours and ``cv2.dnn`` in turn on the same file.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from frames import make_video

from action_spotting.dataset.media import Clip
from action_spotting.io.tables import table
from action_spotting.visual.detector import Detector, DetectorSettings, letterbox, unletterbox
from action_spotting.visual.frames import FrameOptions, with_frames

PACKAGES = ("torch", "torchvision", "yolov5", "onnx", "setuptools<80")
EXPORT = """
import sys, numpy as np, torch, cv2
from pathlib import Path
import yolov5
from yolov5.models.yolo import Model
from yolov5.utils.augmentations import letterbox
from yolov5.utils.general import non_max_suppression, scale_boxes
folder, name, side, batch = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
torch.manual_seed(0)
config = next(Path(yolov5.__file__).parent.glob(f"models/**/{name}.yaml"))
model = Model(str(config)).eval()
head = model.model[-1]
frames = np.load(folder / "frames.npy")
inputs = []
head.register_forward_pre_hook(lambda module, given: inputs.append([x.clone() for x in given[0]]))


def pixels(frame):
    boxed = letterbox(frame, side, stride=32, auto=False)[0]
    image = torch.from_numpy(np.ascontiguousarray(boxed[..., ::-1].transpose(2, 0, 1)))
    return image.float()[None] / 255


# Random weights answer the same everywhere: spread the answers, so that one in a thousand is sure.
with torch.no_grad():
    model(pixels(frames[0]))
    for conv, features in zip(head.m, inputs[0]):
        conv.bias.zero_()
        answer = conv(features).view(head.na, -1, features.shape[2] * features.shape[3])
        spread = answer.std(dim=2).clamp(min=1e-6)
        conv.weight /= spread.view(-1, 1, 1, 1)
        bias = conv.bias.view(head.na, -1)
        bias -= answer.mean(dim=2) / spread
        bias[:, 4] -= 4.0
        bias[:, 5:] -= 4.0
        bias[:, 5] += 5.5
        bias[:, 5 + 32] += 5.0
rows = []
with torch.no_grad():
    for i, frame in enumerate(frames):
        output = model(pixels(frame))
        for kind, (index, limit) in enumerate(((0, 0.25), (32, 0.1))):
            found = non_max_suppression(output, limit, 0.45, classes=[index], max_det=300)[0]
            found[:, :4] = scale_boxes((side, side), found[:, :4], frame.shape)
            rows += [[i, kind, *row[:5]] for row in found.tolist()]
head.export = True
torch.onnx.export(model, torch.zeros(batch, 3, side, side), str(folder / "model.onnx"),
                  input_names=["images"], output_names=["output0"], opset_version=17,
                  dynamo=False)
np.save(folder / "boxes.npy", np.array(rows).reshape(-1, 7))
"""


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--yolo_env", default=Path(tempfile.gettempdir()) / "yolov5-env")
    parser.add_argument("--model", default="yolov5n", help="yolov5n to yolov5x, yolov5n6 …")
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--batch_size", type=int, default=4)
    parser.add_argument("--media", nargs="*", default=[], help="further videos")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    python = yolo_python(Path(args.yolo_env))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        media = [make_video(folder / "large.mkv", 4, 25, size=(1280, 720)),
                 make_video(folder / "small.mkv", 4, 25), *map(Path, args.media)]  # fmt: skip
        rows = [compare(python, folder, path, args) for path in media]
        print(
            table(("video", "frames", "boxes", "package", "pairs", "worst px", "worst conf"), rows)
        )
        print()
        print(table(("network", "ms a frame"), speed(folder / "model.onnx", args)))


def yolo_python(folder: Path) -> Path:
    """Make the environment of the yolov5 package, once."""
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"making the package's environment in {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return python


def compare(python: Path, folder: Path, path: Path, args) -> tuple:
    """Detect in the same frames with the package and with ours."""
    frames = with_frames(Clip(path), FrameOptions(), lambda images: np.array(list(images)[:8]))
    np.save(folder / "frames.npy", frames)
    given = [str(folder), args.model, str(args.imgsz), str(args.batch_size)]
    subprocess.run([str(python), "-c", EXPORT, *given], check=True, stdout=subprocess.DEVNULL)
    want = np.load(folder / "boxes.npy")
    have = ours(folder / "model.onnx", frames, args)
    pairs, pixels, confidence = 0, 0.0, 0.0
    for i, kind in {(int(row[0]), int(row[1])) for row in want}:
        a, b = (x[(x[:, 0] == i) & (x[:, 1] == kind)] for x in (want, have))
        if not len(b):
            continue
        nearest = np.abs(a[:, None, 2:6] - b[None, :, 2:6]).max(axis=2)
        match = nearest.argmin(axis=1)
        pairs += len(a)
        pixels = max(pixels, nearest.min(axis=1).max())
        confidence = max(confidence, np.abs(a[:, 6] - b[match, 6]).max())
    counts = f"{len(have)}", f"{len(want)}", f"{pairs}"
    return (path.name, len(frames), *counts, f"{pixels:.3f}", f"{confidence:.5f}")


def ours(model: Path, frames: np.ndarray, args) -> np.ndarray:
    """Detect with this project: rows of frame, kind, corners in pixels, confidence."""
    detector = Detector(DetectorSettings(model, batch_size=args.batch_size))
    height, width = frames.shape[1:3]
    rows = []
    for first in range(0, len(frames), detector.batch_size):
        part = frames[first : first + detector.batch_size]
        batch = np.zeros((detector.batch_size, detector.side, detector.side, 3), np.uint8)
        batch[: len(part)] = [letterbox(frame, detector.side) for frame in part]
        for i, found in enumerate(detector(batch)[: len(part)], start=first):
            corners = unletterbox(found.corners, detector.side, height, width)
            kinds, count = found.kind[:, None], len(corners)
            index = np.full((count, 1), i)
            rows.append(np.hstack([index, kinds, corners, found.confidence[:, None]]))
    return np.concatenate(rows)


def speed(model: Path, args) -> list[tuple[str, str]]:
    """Time ours (with suppression) and the bare network in ``cv2.dnn`` on the same pictures."""
    import cv2

    detector = Detector(DetectorSettings(model, batch_size=args.batch_size))
    shape = (detector.batch_size, detector.side, detector.side, 3)
    batch = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    net = cv2.dnn.readNetFromONNX(str(model))

    def by_opencv() -> None:
        net.setInput(cv2.dnn.blobFromImages(list(batch), 1 / 255, swapRB=True))
        net.forward()

    runs = {"onnxruntime and suppression (ours)": lambda: detector(batch), "cv2.dnn": by_opencv}
    best = dict.fromkeys(runs, np.inf)
    for _ in range(args.repeats + 1):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - began)
    return [(name, f"{1000 * took / len(batch):.1f}") for name, took in best.items()]


if __name__ == "__main__":
    main()
