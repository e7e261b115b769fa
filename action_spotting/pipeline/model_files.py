"""What a model folder keeps besides the head: what makes its features, ``assets/``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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


def pca_files(model_dir: Path, dims: int) -> tuple[Path, Path]:
    """Give the files of a model's PCA and of the average that is subtracted first.

    >>> [path.name for path in pca_files(Path("model"), 512)]
    ['pca_512_TF2.pkl', 'average_512_TF2.pkl']
    """
    folder = assets_folder(model_dir)
    return folder / f"pca_{dims}_TF2.pkl", folder / f"average_{dims}_TF2.pkl"


def find_pca(model_dirs: Sequence[Path], dims: int) -> tuple[Path, Path] | None:
    """Find the PCA and the average that a model keeps."""
    candidates = [pca_files(folder, dims) for folder in model_dirs]
    return next((files for files in candidates if all(path.is_file() for path in files)), None)


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
