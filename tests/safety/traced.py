"""Every command over a folder of hostile files, watched by strace: what it writes, which sockets.

A match folder made by a stranger holds links to files of the user's by every name that a command
writes or reads, pipes, a socket's name, broken files and files of the wrong kind. Nothing outside
the given folders may be opened for writing, moved, made or removed, and no other machine be spoken
to.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

CLONE = Path(__file__).parents[2]
CALLS = (
    "open,openat,openat2,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,link,"
    "linkat,symlink,symlinkat,truncate,chmod,fchmodat,chown,fchownat,mknod,mknodat,connect,bind,"
    "sendto,sendmsg"
)
SOCKETS = ("connect", "bind", "sendto", "sendmsg")
PROBE = re.compile(r'bind\(.*sin6_port=htons\(0\).*"::1"')
"""What urllib3, which Keras imports, does to see whether there is IPv6."""
WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND")
CALL = re.compile(r"^\d+ +(?P<name>\w+)\((?P<args>.*)\) += (?P<result>-?\d+)")
PATH = re.compile(r'(?:(?:AT_FDCWD|\d+)<(?P<at>[^>]*)>, )?"(?P<path>(?:[^"\\]|\\.)*)"')
SECRET = "all that I know"
GAMES = ("cup/good", "cup/links", "cup/pipes", "cup/broken")
NAMES = ("FFT", "VGGish", "ResNET_TF2", "ResNET_TF2_PCA4", "YOLOv5", "Own")


@dataclass
class Trace:
    """What one command did.

    Attributes
    ----------
    exit_code
        Of the command.
    outside
        Calls that wrote outside the given folders.
    sockets
        Calls that spoke, or listened, to an address.
    traceback
        It ended in one.
    """

    exit_code: int
    outside: list[str] = field(default_factory=list)
    sockets: list[str] = field(default_factory=list)
    traceback: bool = False

    @property
    def wrong(self) -> bool:
        """Whether a rule was broken."""
        return bool(self.outside or self.sockets or self.traceback)


def trace(command: list[str], place: Path) -> Trace:
    """Run a program in the folder `place` under strace; it may write there and nowhere else."""
    log, temporary = place.parent / "strace.log", place / "tmp"
    temporary.mkdir(exist_ok=True)
    (place / "home").mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "PYTHONPATH": str(CLONE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(place / "home"),
        "TMPDIR": str(temporary),
        "CUDA_VISIBLE_DEVICES": "",
    }
    strace = ["strace", "-f", "-qq", "-y", "--seccomp-bpf", "-s", "4096", "-o", str(log)]
    strace += ["-e", f"trace={CALLS}", *command]
    done = subprocess.run(strace, cwd=place, env=environment, capture_output=True, timeout=600)
    found = Trace(done.returncode, traceback=b"Traceback (most recent" in done.stderr)
    for name, args, text in _calls(log):
        if name in SOCKETS:
            if "AF_INET" in text and not PROBE.search(text):
                found.sockets.append(text)
        elif outside := [path for path in _written(name, args, place) if not _ours(path, place)]:
            found.outside.append(f"{name}: {', '.join(outside)}")
    log.unlink()
    return found


def _calls(log: Path) -> Iterator[tuple[str, str, str]]:
    """Give the calls that succeeded, those whose line strace broke in two included."""
    begun: dict[str, str] = {}
    for line in log.read_text(errors="surrogateescape").splitlines():
        process, _, rest = line.partition(" ")
        if line.endswith("<unfinished ...>"):
            begun[process] = line.removesuffix("<unfinished ...>").rstrip()
            continue
        if resumed := re.match(r" *<\.\.\. \w+ resumed>", rest):
            line = begun.pop(process, "") + rest[resumed.end() :]
        if (call := CALL.match(line)) and (int(call["result"]) >= 0 or call["name"] in SOCKETS):
            yield call["name"], call["args"], line


def _written(name: str, args: str, place: Path) -> list[str]:
    """Give the paths that a call changes."""
    if name.startswith("open") and not WRITES.search(args):
        return []
    paths = [(found["at"] or str(place), found["path"]) for found in PATH.finditer(args)]
    if name.startswith(("link", "symlink")):  # what the new name stands for is not changed
        paths = paths[1:]
    return [os.path.normpath(Path(at, path)) for at, path in paths]


def _ours(path: str, place: Path) -> bool:
    """Whether a path lies in the place itself, whatever links in it say, or is no file at all.

    Numba keeps what it compiled of librosa beside librosa, as Python does.
    """
    if Path(path).is_relative_to(sys.prefix) and "__pycache__" in path:
        return True
    if path in ("/dev/null", "/dev/tty") or path.startswith(("/proc/self/", "/dev/shm/")):
        return True
    return Path(path).parent.resolve().is_relative_to(place.resolve())


def hostile_data_set(place: Path, video: Path) -> Path:
    """Make the data set in `place`, of one good game and three hostile ones; gives its folder."""
    root, secret = place / "data", place.parent / "home" / "secret"
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.write_text(SECRET)
    for game in GAMES:
        (root / game).mkdir(parents=True)
        events = [
            {"gameTime": "1 - 00:01", "label": "Goal", "position": "1000", "team": "home"},
            {"gameTime": "2 - 00:01", "label": "Foul", "position": "1000", "team": "away"},
        ]
        events = [{**event, "visibility": "visible"} for event in events]
        (root / game / "Labels-v2.json").write_text(json.dumps({"annotations": events}))
        for half in (1, 2):
            (root / game / f"{half}_224p.mkv").write_bytes(video.read_bytes())
    splits = {"train": GAMES[:2], "valid": GAMES[:1], "test": GAMES}
    (root / "splits.json").write_text(json.dumps(splits))
    for half in (1, 2):
        for name in NAMES:
            path = root / GAMES[1] / f"{half}_{name}.npy"
            path.symlink_to(secret)
            for other in (f"{path.name}.claim", f".{path.stem}.part.npy", f"{path.stem}.json"):
                path.with_name(other).symlink_to(secret)
            path = root / GAMES[2] / f"{half}_{name}.npy"
            os.mkfifo(path)
            os.mkfifo(path.with_suffix(".json"))
            path = root / GAMES[3] / f"{half}_{name}.npy"
            path.write_bytes(pickle.dumps(_Harm(secret)))
            path.with_suffix(".json").write_text('{"settings": {"fps": 1e999}}')
        (root / GAMES[3] / f"{half}_224p.mkv").write_bytes(os.urandom(4096))
    (root / GAMES[3] / "Labels-v2.json").write_text('{"annotations": [{"position": -1e400}]}')
    results = place / "results" / GAMES[1]
    results.mkdir(parents=True)
    (results / "Predictions-v2.json").symlink_to(secret)
    broken = place / "results" / GAMES[3]
    broken.mkdir()
    (broken / "Predictions-v2.json").write_text("[" * 100_000)
    return root


class _Harm:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple:
        return Path.unlink, (self._path,)


def untouched(place: Path) -> bool:
    """Whether the user's file outside is as it was."""
    return (place.parent / "home" / "secret").read_text() == SECRET


def hostile_files(place: Path) -> None:
    """Make a published head, a network and a model folder that attack."""
    folder, secret = place / "files", place.parent / "home" / "secret"
    (folder / "attack").mkdir(parents=True)
    (folder / "head.pth.tar").write_bytes(pickle.dumps(_Harm(secret)))
    (folder / "net.onnx").write_bytes(b"\x08\x07" + os.urandom(2000))
    (folder / "attack" / "model.json").write_text('{"format": 1e400}')
    np.savez(folder / "attack" / "weights.npz", a=np.array([_Harm(secret)], dtype=object))


LINES = {
    "download": "--soccernet_dirpath data --check",
    "extract-audio": "--root_path data --features FFT",
    "extract-resnet": "--soccernet_dirpath data --weights random",
    "extract-yolov5": "--soccernet_dirpath data --weights files/net.onnx",
    "extract-onnx": "--soccernet_dirpath data --onnx files/net.onnx --name Own",
    "convert-released": "--soccernet_dirpath data",
    "reduce": "--soccernet_dirpath data --fit_split train --dim_reduction 4 --features_PCA "
    "ResNET_TF2_PCA4 --pca_file own.pkl --scaler_file average.pkl",
    "train": "--soccernet_dirpath data --model_dir model --modalities FFT --preset small "
    "--epochs 1",
    "import-head": "files/head.pth.tar --out imported",
    "predict": "--soccernet_dirpath data --model_dir model --out results --split test",
    "spot": "video.mkv --model_dir model --out match --export csv edl otio",
    "run": "--soccernet_dirpath data --modalities FFT --model_dir model2 --out results2 --report "
    "run.html --preset small --epochs 1",
    "evaluate": "--SoccerNet_path data --Predictions_path results --partial --split test",
    "compare-heads": "--soccernet_dirpath data --models model files/attack --out compared",
    "report": "--SoccerNet_path data --Predictions_path results --partial --output report.html",
    "export": "--Predictions_path results --export csv vtt --out exports",
}
"""A command line of each command, in the order of use."""


def run(place: Path, video: Path, names: Iterable[str]) -> Iterator[tuple[str, Trace]]:
    """Trace commands in the folder `place`, which is made; gives each with what it did."""
    place.mkdir()
    hostile_data_set(place, video)
    hostile_files(place)
    (place / "video.mkv").write_bytes(video.read_bytes())
    for name in names:
        command = [sys.executable, "-m", "action_spotting", name, *LINES[name].split()]
        yield name, trace(command, place)
