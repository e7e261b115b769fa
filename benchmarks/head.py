"""What the spotting head reaches, what each of its parts is worth, and what it costs.

    python benchmarks/head.py                                    a small made-up set, minutes
    python benchmarks/head.py --data bench --suite main removed  a set as the generator makes it
    python benchmarks/head.py --generator make_bench.py --labels labels.zip --suite all

Every training is a process of its own and leaves its figures under ``--work``; what is there is
not run again. Each figure is the mean over ``--seeds``. "14" leaves out Penalty, Red card and
Yellow->red card, whose few instances are noise.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from action_spotting.dataset.classes import ACTIONS_V2
from action_spotting.dataset.event_files import read_labels
from action_spotting.dataset.events import Events, game_time
from action_spotting.dataset.features import open_feature, write_feature
from action_spotting.dataset.layout import feature_path, labels_path
from action_spotting.dataset.splits import list_games
from action_spotting.fusion.settings import HeadSettings
from action_spotting.io.files import read_json, write_json
from action_spotting.io.tables import table

PICTURE, SOUND = ("ResNET_TF2_PCA512",), ("VGGish", "FFT")
ALL = (*PICTURE, *SOUND, "YOLOv5")
RARE = ("Penalty", "Red card", "Yellow->red card")
WORLDS: dict[str, list[str]] = {
    "world0": [],
    "world1": ["--seed", "1"],
    "hard": ["--difficulty", "1.3"],
}

MAIN: dict[str, dict[str, Any]] = {
    "picture": {"modalities": PICTURE, "fusion": "embedding"},
    "sound": {"modalities": SOUND, "fusion": "embedding"},
    "all, hybrid": {"modalities": ALL, "fusion": "hybrid"},
    "all, embedding": {"modalities": ALL, "fusion": "embedding"},
    "all, score": {"modalities": ALL, "fusion": "score"},
}
BASELINES: dict[str, dict[str, Any]] = {
    "netvlad, picture": {"modalities": PICTURE, "head": "netvlad"},
    "netvlad, picture + VGGish": {"modalities": (*PICTURE, "VGGish"), "head": "netvlad"},
}
PARTS: dict[str, dict[str, Any]] = {
    "no displacement": {"displacement_s": 0.0},
    "context of 8 s": {"dilations": (1, 2, 4, 1, 2, 4, 1)},
    "no mixup": {"mixup": 0.0},
    "no modality dropout": {"modality_dropout": 0.0},
    "no feature dropout": {"feature_dropout": 0.0},
    "no time masks": {"time_mask_rows": 0},
    "no shifts": {"shift_rows": 0},
    "no centring": {"subtract_half_mean": False},
    "chunks anywhere": {"event_fraction": 0.0},
}
SPOTTING: dict[str, dict[str, Any]] = {
    "no smoothing": {"smooth_s": 0.0},
    "hard NMS": {"soft_nms": False},
    "no score map": {"spread_confidences": False},
}
"""Parts that come after the network: the same weights, calibrated and scored anew."""

SUITES = ("main", "baselines", "parts", "removed", "cost", "ceiling")
REMOVED: dict[str, dict[str, Any]] = {
    "all, hybrid": {},
    "  without sound": {"without": SOUND},
    "  without picture": {"without": (*PICTURE, "YOLOv5")},
    "  shuffled in time": {"shuffle": True},
    "its spots at random times": {"scatter": True},
}
"""What is missing at test; the last row is the score that chance gives."""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="a dataset folder with splits.json")
    parser.add_argument("--generator", help="the generator's script; its worlds are made in --work")
    parser.add_argument("--labels", help="the generator's labels")
    parser.add_argument("--worlds", nargs="+", choices=list(WORLDS), default=list(WORLDS))
    parser.add_argument("--suite", nargs="+", choices=[*SUITES, "all"], default=["main", "removed"])
    parser.add_argument("--only", nargs="+", help="these rows of the suites")
    parser.add_argument("--games", type=int, help="train the parts on the first so many games")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=JSON", help="other numbers")
    parser.add_argument(
        "--work", default="benchmarks/results/head", help="folder for models and figures"
    )
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser


def main() -> int:
    parser = build_parser()
    args = parser.parse_args()
    if args.one:
        return run_one(json.loads(args.one))
    if "ceiling" in args.suite and not (args.generator and args.labels):
        parser.error("--suite ceiling: name --generator and --labels too")
    work = Path(args.work)
    suites = SUITES if "all" in args.suite else args.suite
    common = {k: json.loads(v) for k, _, v in (item.partition("=") for item in args.set)}
    if not args.data and not args.generator:
        common = {"epochs": 6, "epoch_chunks": 320, "chunk_rows": 112, **common}
    for name, root in worlds(args, work).items():
        if "main" in suites:
            report(name, root, work, select(MAIN, args.only), args.seeds, common)
        if "baselines" in suites:
            report(name, root, work, select(BASELINES, args.only), args.seeds, {})
        if "parts" in suites:
            base = {**common, **MAIN["all, hybrid"]}
            parts = {"all, hybrid": {}, **select(PARTS, args.only)}
            how = {"split": "valid", "games": args.games}
            report(name, root, work, parts, args.seeds, base, **how)
            spotting = select(SPOTTING, args.only)
            report(name, root, work, spotting, args.seeds, base, **how, anew=True)
        if "removed" in suites:
            report_removed(name, root, work, args.seeds, common)
        if "cost" in suites:
            report_cost(name, root, work, common)
        if "ceiling" in suites and args.generator:
            report_ceiling(name, root, Path(args.generator), Path(args.labels), work)
    return 0


def select(rows: dict[str, Any], only: list[str] | None) -> dict[str, Any]:
    return {name: row for name, row in rows.items() if not only or name in only}


def worlds(args: argparse.Namespace, work: Path) -> dict[str, Path]:
    if args.data:
        return {Path(args.data).name: Path(args.data)}
    if not args.generator:
        return {"made-up": make_data(work / "made-up")}
    found = {}
    for name in args.worlds:
        found[name] = work / name
        if not (found[name] / "splits.json").exists():
            command = [sys.executable, args.generator, "--labels", args.labels, "--out"]
            subprocess.run([*command, str(found[name]), *WORLDS[name]], check=True)
    return found


def report(
    world: str,
    root: Path,
    work: Path,
    rows: dict[str, dict[str, Any]],
    seeds: list[int],
    common: dict[str, Any],
    split: str = "test",
    games: int | None = None,
    *,
    anew: bool = False,
) -> None:
    header = ["head", *(f"{m} {n}" for n in ("14", "17") for m in ("loose", "tight"))]
    header += ["chunks/s", "min", "MiB", "s/match"]
    lines = []
    for name, given in rows.items():
        trained, how = (common, {"anew": given}) if anew else ({**common, **given}, {})
        how = {**how, "games": games} if games else how
        runs = [figures(work, root, world, {**trained, "seed": s}, split, **how) for s in seeds]
        mean = {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}
        cells = [f"{mean[k]:.1f}" for k in ("loose14", "tight14", "loose17", "tight17")]
        cells += [f"{mean['chunks_s']:.0f}", f"{mean['train_min']:.1f}"]
        lines.append([name, *cells, f"{mean['grown_mib']:.0f}", f"{mean['match_s']:.2f}"])
        print(f"{world}: {name}: " + " ".join(cells), file=sys.stderr, flush=True)
    print(f"\n{world}, {split} games, seeds {seeds}\n{table(header, lines)}", flush=True)


def report_removed(
    world: str, root: Path, work: Path, seeds: list[int], common: dict[str, Any]
) -> None:
    lines = []
    for name, how in REMOVED.items():
        given = {**common, **MAIN["all, hybrid"]}
        runs = [figures(work, root, world, {**given, "seed": s}, "test", **how) for s in seeds]
        keys = ("loose14", "tight14", "loose17", "tight17")
        lines.append([name, *(f"{np.mean([run[k] for run in runs]):.1f}" for k in keys)])
    header = ["features at test", "loose 14", "tight 14", "loose 17", "tight 17"]
    print(f"\n{world}, seeds {seeds}\n{table(header, lines)}", flush=True)


def report_cost(world: str, root: Path, work: Path, common: dict[str, Any]) -> None:
    """Train on half the games and on all; project to SoccerNet's 300, 100 and 100 games."""
    games = list_games(root, "train")
    given = {**common, **MAIN["all, hybrid"], "epochs": 3, "seed": 0}
    lines = []
    for count in (len(games) // 2, len(games)):
        found = figures(work, root, world, given, "test", games=count)
        lines.append([f"{count} games", f"{found['grown_mib']:.0f}", f"{found['chunks_s']:.0f}"])
    header = ["training games", "MiB beyond the back end's own", "chunks/s"]
    print(f"\n{world}\n{table(header, lines)}")
    files = [path for game in games for path in (root / game).glob("*.npy")]
    rows = sum(len(open_feature(p)) for p in files if p.name.endswith(f"{PICTURE[0]}.npy"))
    gigabytes = sum(p.stat().st_size for p in files) / len(games) * 500 / 1e9
    chunks = rows / len(games) * 300 / HeadSettings().chunk_rows
    minutes = (chunks / found["chunks_s"] + 100 * found["match_s"]) / 60
    print(
        f"SoccerNet, projected: {chunks:.0f} chunks an epoch of 300 games, {minutes:.1f} min "
        f"an epoch with its 100 validation games; features of 500 games {gigabytes:.0f} GB",
        flush=True,
    )


def report_ceiling(world: str, root: Path, generator: Path, labels: Path, work: Path) -> None:
    """Score the generator's own evidence times: what no head can be expected to pass."""
    from action_spotting.evaluation.scoring import score

    spec = importlib.util.spec_from_file_location("generator", generator)
    maker: Any = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(maker)  # type: ignore[union-attr]
    bench = read_json(root / "bench.json")
    source = maker.World(bench["seed"], maker.Knobs(**bench["knobs"]))
    annotations = maker.read_labels(labels)[1]
    games, found, plain = list_games(root, "test"), [], maker.broadcast

    def broadcast(rng: Any, rows: int, events: list[dict[str, Any]]) -> Any:
        found.append(events)
        return plain(rng, rows, events)

    maker.broadcast = broadcast
    with TemporaryDirectory(dir=work) as folder:
        for game in games:
            maker.make_game(source, game, annotations[game], folder, [], None)
    truths = [read_labels(labels_path(root, game)) for game in games]
    lines = []
    for name, wanted in (("every event", (True, False)), ("those shown", (True,))):
        spots = []
        for first, second in zip(found[::2], found[1::2], strict=True):
            halves = [[e for e in half if e["shown"] in wanted] for half in (first, second)]
            events = [e for half in halves for e in half]
            spots.append(
                Events(
                    np.repeat([1, 2], [len(half) for half in halves]),
                    np.array([max(0, round(1000 * e["time"])) for e in events]),
                    np.array([ACTIONS_V2.index(e["label"]) for e in events]),
                    np.ones(len(events)),
                )
            )
        results = score(truths, spots)
        lines.append([name, *(f"{100 * r:.1f}" for r in averages(results).values())])
    header = ["found at its evidence's time", "loose 14", "tight 14", "loose 17", "tight 17"]
    print(f"\n{world}\n{table(header, lines)}", flush=True)


def averages(results: Mapping[str, Any]) -> dict[str, float]:
    """Average-mAP over the common classes and over all, loose and tight."""
    common = [i for i, name in enumerate(ACTIONS_V2) if name not in RARE]
    rows = {"14": common, "17": range(len(ACTIONS_V2))}
    return {
        f"{metric}{n}": float(np.nanmean(results[metric].per_class[list(which)]))
        for n, which in rows.items()
        for metric in ("loose", "tight")
    }


def figures(
    work: Path, root: Path, world: str, given: dict[str, Any], split: str, **how: Any
) -> dict[str, float]:
    """Give a run's figures, from its file or by running it in a process of its own."""
    words = [f"{k}={'+'.join(map(str, v)) if isinstance(v, (tuple, list)) else v}"
             for k, v in sorted(given.items())]  # fmt: skip
    words += [f"games={how['games']}"] if "games" in how else []
    folder = work / "runs" / world / ",".join(words)
    tags = [*how.get("without", ()), *how.get("anew", ()), *(how.keys() & {"shuffle", "scatter"})]
    suffix = "-".join([split, *tags])
    path = folder / f"figures-{suffix}.json"
    if not path.exists():
        spec = {"root": str(root), "folder": str(folder), "given": given, "split": split, **how}
        command = [sys.executable, __file__, "--one", json.dumps({**spec, "path": str(path)})]
        subprocess.run(command, check=True)
    return read_json(path)


def run_one(spec: dict[str, Any]) -> int:
    """Train unless it is done, score a split, write the figures."""
    import keras

    from action_spotting.evaluation.scoring import average_map, score
    from action_spotting.fusion.model import MODEL_FILE
    from action_spotting.fusion.prediction import Ensemble, load_models, predict_game
    from action_spotting.fusion.settings import make_settings
    from action_spotting.fusion.training import train

    keras.ops.zeros(1) + 1
    root, folder = Path(spec["root"]), Path(spec["folder"])
    settings = make_settings("full", **spec["given"])
    cost = folder / "cost.json"
    if not (folder / MODEL_FILE).exists():
        before, began = peak_mib(), time.monotonic()
        result = train(
            root,
            list_games(root, "train")[: spec.get("games")],
            list_games(root, "valid"),
            folder,
            settings,
            score=partial(average_map, metric="tight"),
        )
        content = {
            "train_min": (time.monotonic() - began) / 60,
            "chunks_s": result.chunks_per_second,
            "grown_mib": peak_mib() - before,
        }
        write_json(cost, content)
    models = load_models([folder])
    if spec.get("anew"):
        models = Ensemble([calibrate(models.models[0], root, spec["anew"])])
    games = list_games(root, spec["split"])
    source = shuffled(root, games, folder / "shuffled") if spec.get("shuffle") else root
    without = spec.get("without", ())
    predict_game(source, games[0], models, without=without)
    began = time.monotonic()
    spots = [predict_game(source, game, models, without=without)[0] for game in games]
    match_s = (time.monotonic() - began) / len(games)
    if spec.get("scatter"):
        spots = [scattered(found, g) for g, found in enumerate(spots)]
    truths = [read_labels(labels_path(root, game)) for game in games]
    shares = averages(score(truths, spots))
    found = {"match_s": match_s, **read_json(cost), **{k: 100 * v for k, v in shares.items()}}
    write_json(Path(spec["path"]), found)
    return 0


def calibrate(model: Any, root: Path, spotting: dict[str, Any]) -> Any:
    """Give a trained head other numbers of the spotting, and calibrate it anew."""
    from action_spotting.evaluation.scoring import average_map
    from action_spotting.fusion.split_data import open_split
    from action_spotting.fusion.validation import choose_postprocessing

    model.settings = settings = replace(model.settings, **spotting)
    valid = open_split(
        root, list_games(root, "valid"), settings.modalities, classes=settings.classes, version=2
    )
    model.postprocessing = choose_postprocessing(model, valid, partial(average_map, metric="tight"))
    return model


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def shuffled(root: Path, games: list[str], out: Path) -> Path:
    """Copy the features of `games` with their rows in random order, the same in all modalities."""
    for g, game in enumerate(games):
        for half in (1, 2):
            for path in sorted((root / game).glob(f"{half}_*.npy")):
                rows = open_feature(path)
                order = np.random.default_rng((g, half)).permutation(len(rows))
                (out / game).mkdir(parents=True, exist_ok=True)
                np.save(out / game / path.name, rows[order])
    return out


def scattered(spots: Events, seed: int) -> Events:
    """Move the spots of a game to random times of their halves; classes and confidences stay."""
    ends = {half: spots.position_ms[spots.half == half].max() for half in np.unique(spots.half)}
    most = np.array([ends[half] for half in spots.half], dtype=np.int64)
    return replace(spots, position_ms=np.random.default_rng(seed).integers(0, most + 1))


def make_data(root: Path, counts: tuple[int, ...] = (6, 2, 2), rows: int = 1200) -> Path:
    """Make a small set: every class has a look and a sound of its own, in noise."""
    dims = dict(zip(ALL, (512, 512, 48, 64), strict=True))
    looks = {
        name: np.random.default_rng((9, m)).normal(size=(len(ACTIONS_V2), d)) * 2 / np.sqrt(d)
        for m, (name, d) in enumerate(dims.items())
    }
    splits = {}
    for s, (split, count) in enumerate(zip(("train", "valid", "test"), counts, strict=True)):
        splits[split] = [f"made-up/{split}/{i}" for i in range(count)]
        for i, game in enumerate(splits[split]):
            rng = np.random.default_rng((s, i))
            entries = []
            for half in (1, 2):
                times = np.arange(10, rows / 2 - 10, 12.0) + rng.uniform(-4, 4)
                kinds = rng.integers(0, len(ACTIONS_V2), len(times))
                entries += [
                    {"gameTime": game_time(half, int(1000 * t)), "label": ACTIONS_V2[k],
                     "position": str(int(1000 * t)), "visibility": "visible"}
                    for t, k in zip(times, kinds, strict=True)
                ]  # fmt: skip
                for name, d in dims.items():
                    values = rng.normal(size=(rows, d)) / np.sqrt(d)
                    seen = rng.random(len(times)) < 0.8
                    for step in (-1, 0, 1, 2):
                        at = (times[seen] * 2).astype(int) + step
                        values[at] += looks[name][kinds[seen]]
                    with write_feature(feature_path(root / game, half, name), d, {}) as writer:
                        writer.append(values.astype(np.float32))
            write_json(labels_path(root, game), {"annotations": entries})
    write_json(root / "splits.json", splits)
    return root


if __name__ == "__main__":
    sys.exit(main())
