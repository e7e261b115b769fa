"""Runs killed at random moments: does a rerun complete, and to the same bytes?

    python benchmarks/faults.py                       # 200 kills over all stages, half an hour
    python benchmarks/faults.py --kills 10 --stages fft training

Each life begins with a fresh copy of a stage's inputs. Its command is killed (SIGKILL, with all
processes that it started) at a moment drawn from the time that an undisturbed run takes; the rerun
is killed too, every other time, until one is left to end. Then all files must be those of the
undisturbed run, byte by byte, and no others: no temporary file, no claim.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from action_spotting.io.tables import table

CLONE = Path(__file__).resolve().parents[1]
KILLS = 200
LIMIT_S = 600
EPOCHS = "2"


@dataclass
class Stage:
    """A command, what it needs, and what became of its lives."""

    name: str
    inputs: Path
    command: Callable[[Path], list[str]]
    undisturbed_s: float = 0.0
    wanted: dict[str, str] = field(default_factory=dict)
    lives: int = 0
    kills: int = 0
    wrong: list[str] = field(default_factory=list)


def door(script: str, *arguments: object) -> list[str]:
    """The command of a door."""
    return [sys.executable, str(CLONE / script), *map(str, arguments)]


def stages(folder: Path) -> dict[str, Stage]:
    """Make the inputs: three small matches; with FFT features for what needs some."""
    from action_spotting.sample import make_sample, write_detector

    bare, ready, detector = folder / "bare", folder / "ready", folder / "detector.onnx"
    make_sample(bare / "matches", matches=3, half_s=(12, 14))
    write_detector(detector)

    def fft(home: Path) -> list[str]:
        script = "audio-features-extraction/extract_features.py"
        return door(script, "--root_path", home / "matches", "--features", "FFT")

    def yolov5(home: Path) -> list[str]:
        options = ("--video", "LQ", "--weights", detector)
        return door("Features/ExtractYOLOv5.py", "--soccernet_dirpath", home / "matches", *options)

    def pca(home: Path) -> list[str]:
        options = (
            "--features",
            "FFT.npy",
            "--features_PCA",
            "FFT_PCA8.npy",
            "--fit_split",
            "train",
        )
        files = ("--pca_file", home / "pca.pkl", "--scaler_file", home / "average.pkl")
        where = ("--soccernet_dirpath", home / "matches", "--dim_reduction", 8)
        return door("Features/ReduceFeaturesPCA.py", *where, *options, *files)

    def training(home: Path) -> list[str]:
        where = ("--soccernet_dirpath", home / "matches", "--model_dir", home / "model")
        options = ("--modalities", "FFT", "--preset", "small", "--epochs", EPOCHS)
        return door("Models/TrainSpotting.py", *where, *options)

    def pipeline(home: Path) -> list[str]:
        options = ("--modalities", "FFT", "YOLOv5", "--yolov5_weights", detector)
        where = ("--soccernet_dirpath", home / "matches", "--epochs", EPOCHS)
        return door("Models/RunPipeline.py", *where, *options)

    shutil.copytree(bare, ready)
    subprocess.run(fft(ready), check=True, stdout=subprocess.DEVNULL)
    made = [Stage(f.__name__, bare, f) for f in (fft, yolov5, pipeline)]
    made += [Stage(f.__name__, ready, f) for f in (pca, training)]
    return {stage.name: stage for stage in made}


def measure(stage: Stage, home: Path) -> None:
    """Run a stage undisturbed, for its time and its files."""
    shutil.copytree(stage.inputs, home)
    began = time.monotonic()
    done = subprocess.run(stage.command(home), capture_output=True, text=True, check=False)
    stage.undisturbed_s = time.monotonic() - began
    if done.returncode:
        raise SystemExit(f"{stage.name}: does not run undisturbed:\n{done.stdout}{done.stderr}")
    stage.wanted = contents(home)
    shutil.rmtree(home)


def live(stage: Stage, home: Path, most: int, rng: random.Random) -> None:
    """Kill a stage at most `most` times until it is left to end; compare what it leaves."""
    shutil.copytree(stage.inputs, home)
    stage.lives += 1
    killed = 0
    while killed == 0 or (killed < most and rng.random() < 0.5):
        if kill_one(stage.command(home), rng.uniform(0, stage.undisturbed_s)):
            killed += 1
        else:
            break  # it ended before its moment
    stage.kills += killed
    done = subprocess.run(
        stage.command(home), capture_output=True, text=True, check=False, timeout=LIMIT_S
    )
    stage.wrong += differences(stage, home, done)
    shutil.rmtree(home)


def kill_one(command: Sequence[str], after_s: float) -> bool:
    """Run a command and kill it after some seconds; tell whether it was still running."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, start_new_session=True, **quiet)
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def differences(stage: Stage, home: Path, done: subprocess.CompletedProcess[str]) -> list[str]:
    """Name what is not as in the undisturbed run."""
    life = f"{stage.name}, life {stage.lives}"
    if done.returncode:
        return [f"{life}: the rerun ends with {done.returncode}: {done.stderr[-500:]}"]
    have = contents(home)
    found = [f"{life}: {name} is missing" for name in stage.wanted.keys() - have.keys()]
    found += [f"{life}: {name} is left" for name in have.keys() - stage.wanted.keys()]
    both = have.keys() & stage.wanted.keys()
    return found + [f"{life}: {n} differs" for n in both if have[n] != stage.wanted[n]]


def contents(home: Path) -> dict[str, str]:
    """Hash every file below a folder but the log of its runs, to which each adds a line."""
    files = sorted(p for p in home.rglob("*") if p.is_file() and p.name != "runs.jsonl")
    return {
        path.relative_to(home).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def main() -> int:
    """Run the command."""
    names = ("fft", "yolov5", "pca", "training", "pipeline")
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=KILLS, help="altogether")
    parser.add_argument("--stages", nargs="+", default=names, choices=names)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        known = stages(Path(folder))
        chosen = [known[name] for name in args.stages]
        for stage in chosen:
            measure(stage, Path(folder) / "home")
            print(f"{stage.name}: {stage.undisturbed_s:.1f} s undisturbed", file=sys.stderr)
        while (left := args.kills - sum(stage.kills for stage in chosen)) > 0:
            stage = min(chosen, key=lambda s: s.kills)
            live(stage, Path(folder) / "home", left, rng)
            print(f"{stage.name}: {stage.kills} kills, {len(stage.wrong)} wrong", file=sys.stderr)
    rows = [
        [s.name, f"{s.undisturbed_s:.1f}", s.lives, s.kills, len(s.wanted), len(s.wrong)]
        for s in chosen
    ]
    print(table(("stage", "undisturbed s", "lives", "kills", "files", "wrong"), rows))
    wrong = [line for stage in chosen for line in stage.wrong]
    print("\n".join(wrong) or "every rerun completed: the same files, the same bytes, no others")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
