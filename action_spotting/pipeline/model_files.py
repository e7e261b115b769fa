"""What a model folder keeps besides the head: what makes its features, ``assets/``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from action_spotting.dataset.feature_types import pca_of
from action_spotting.errors import UsageError
from action_spotting.io.files import whole_file

MODEL_FILE = "model.json"
DETECTOR = "yolov5_standin.onnx"


def check_models(folders: Sequence[Path]) -> None:
    """Raise `UsageError` for a folder that holds no model, before any network is loaded."""
    for folder in folders:
        if not (folder / MODEL_FILE).exists():
            raise UsageError(
                f"{folder}: no {MODEL_FILE}; name a folder that TrainSpotting has written with "
                "--model_dir"
            )


def assets_folder(model_dir: Path) -> Path:
    """Give the folder of a model's assets."""
    return model_dir / "assets"


def pca_files(model_dir: Path, name: str) -> tuple[Path, Path]:
    """Give the files of a reduced feature's PCA and of the average that is subtracted first.

    >>> [path.name for path in pca_files(Path("model"), "ResNET_TF2_PCA512")]
    ['pca_512_TF2.pkl', 'average_512_TF2.pkl']
    >>> pca_files(Path("model"), "VGGish_PCA64")[0].name
    'pca_64_VGGish.pkl'
    """
    base, dims = pca_of(name) or (name, 0)
    kind = f"{dims}_{'TF2' if base == 'ResNET_TF2' else base}"
    folder = assets_folder(model_dir)
    return folder / f"pca_{kind}.pkl", folder / f"average_{kind}.pkl"


def pcas_in(folders: Iterable[Path], name: str) -> list[tuple[Path, Path]]:
    """List the PCAs and averages of a reduced feature that lie in folders."""
    one, other = (path.name for path in pca_files(Path(), name))
    candidates = [(folder / one, folder / other) for folder in folders]
    return [files for files in candidates if all(path.is_file() for path in files)]


def keep_pca(files: tuple[Path, Path], kept: tuple[Path, Path]) -> None:
    """Copy the two files of a PCA into a model folder, unless they are those."""
    for source, target in zip(files, kept, strict=True):
        if source.resolve() != target.resolve():
            with whole_file(target) as part:
                part.write_bytes(source.read_bytes())


def find_detector(model_dirs: Sequence[Path]) -> Path | None:
    """Find the detector that a model of the sample matches keeps."""
    paths = [assets_folder(folder) / DETECTOR for folder in model_dirs]
    return next((path for path in paths if path.is_file()), None)
