"""What RunPipeline's extraction of all four features costs, here and in another checkout.

    git worktree add ../old COMMIT
    python benchmarks/pipeline.py --old ../old
    python benchmarks/pipeline.py --games 2 --seconds 60

Generated media; ResNet-152 and VGGish with random weights, which cost the same; the detector is
the sample matches' small stand-in. Each run is a process of its own over a fresh copy of the data
set, in turn. "Decodings" counts how often the pictures and the sound of a half are decoded; memory
is the peak of the process. The files of all runs are compared.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from action_spotting.io.ffmpeg import ffmpeg_exe
from action_spotting.io.tables import table
from action_spotting.sample import write_detector

ROOT = Path(__file__).resolve().parents[1]
FEATURES = ("ResNET_TF2", "YOLOv5", "VGGish", "FFT")

RUN = """
import json, os, resource, sys, time
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
from functools import partial
from pathlib import Path
from action_spotting.audio.waveform import Waveform
from action_spotting.dataset.splits import list_halves
try:
    from action_spotting.visual.pyav_reader import PyAVReader
except ImportError:
    from action_spotting.visual.readers import PyAVReader

root, detector, features = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
count = {"picture": 0, "sound": 0}
def counted(method, what):
    def call(*arguments):
        count[what] += 1
        return method(*arguments)
    return call
PyAVReader.images = counted(PyAVReader.images, "picture")
Waveform.blocks = counted(Waveform.blocks, "sound")
halves = list_halves(root)
try:
    from action_spotting.extraction.driver import extract_all
    from action_spotting.extraction.job import jobs_of_halves
    from action_spotting.extraction.registry import Pretrained, make_extractor
    new = True
except ImportError:
    from action_spotting.extraction import Job, extract_all
    from action_spotting.pipeline.features import Pretrained, make_extractor
    new = False
make = partial(make_extractor, pretrained=Pretrained("random", "random", detector))
began = time.monotonic()
if new:
    makers = {name: partial(make, name) for name in features}
    summaries = extract_all(makers, jobs_of_halves(halves, features))
else:
    summaries = []
    for name in features:
        jobs = [Job(half.feature(name), partial(half.clip, "LQ")) for half in halves]
        summaries.append(extract_all(make(name), jobs))
seconds = time.monotonic() - began
assert not any(summary.failures for summary in summaries), summaries
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": seconds, "peak": peak, **count}))
"""


def main() -> int:
    """Run all and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--old", type=Path, help="a checkout to compare with")
    parser.add_argument("--games", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60, help="length of a half")
    parser.add_argument("--size", default="398x224", help="of the pictures")
    parser.add_argument("--repeats", type=int, default=1)
    args = parser.parse_args()
    checkouts = {"here": ROOT} | ({"old": args.old.resolve()} if args.old else {})
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        video, detector = make_video(place, args), write_detector(place / "standin.onnx")
        runs = []
        for i in range(args.repeats):
            for what, checkout in checkouts.items():
                root = place / f"{what}{i}"
                make_games(root, video, args.games)
                runs.append((what, measure(checkout, root, detector), hashes(root)))
    halves = 2 * args.games
    rows = [
        [
            what,
            f"{found['seconds']:.1f} s",
            f"{found['peak']:.0f} MB",
            f"{found['picture'] / halves:g}",
            f"{found['sound'] / halves:g}",
            "yes" if made == runs[0][2] else "NO",
        ]
        for what, found, made in runs
    ]
    print(f"{halves} halves of {args.seconds:g} s, {args.size}, {os.cpu_count()} cores")
    header = ["run", "time", "peak memory", "pictures decoded", "sound decoded", "same bytes"]
    print(table(header, rows))
    return 0


def make_video(folder: Path, args: argparse.Namespace) -> Path:
    """Make a video at 25 fps with sound."""
    path = folder / "made.mkv"
    picture = f"testsrc2=size={args.size}:rate=25:duration={args.seconds},noise=alls=6:allf=t"
    sound = f"anoisesrc=amplitude=0.2:duration={args.seconds}"
    command = [
        ffmpeg_exe(),
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        picture,
        "-f",
        "lavfi",
        "-i",
        sound,
    ]
    subprocess.run([*command, "-c:a", "aac", str(path)], check=True)
    return path


def make_games(root: Path, video: Path, games: int) -> None:
    """Make the games' folders, each with two links to one video."""
    for i in range(games):
        folder = root / f"game {i}"
        folder.mkdir(parents=True)
        for number in (1, 2):
            (folder / f"{number}_224p.mkv").hardlink_to(video)


def measure(checkout: Path, root: Path, detector: Path) -> dict[str, float]:
    """Extract in a process of its own."""
    command = [sys.executable, "-c", RUN, str(root), str(detector), *FEATURES]
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, cwd=checkout, env=environment
    )
    return json.loads(done.stdout.splitlines()[-1])


def hashes(root: Path) -> dict[str, str]:
    """Hash every feature file."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*.npy"))
    }


if __name__ == "__main__":
    sys.exit(main())
