"""The tensors of VGGish: from the AudioSet checkpoint, from a Keras ``.h5``, or random.

Files are read tensor by tensor and by name; no code in them is run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.records import sha256
from action_spotting.errors import InputError, UsageError
from action_spotting.io import pretrained
from action_spotting.io.files import expanded
from action_spotting.io.pretrained import HDF5_ERRORS, open_hdf5
from action_spotting.io.tf_checkpoint import Checkpoint
from action_spotting.io.zips import read_npz

AUDIOSET = pretrained.PretrainedFile(
    name="vggish_model.ckpt",
    url="https://storage.googleapis.com/audioset/vggish_model.ckpt",
    digest="sha256:0962b1914e3e053922d957c45bc84a78c985765641dc6bceeeb3a7d8dfecfdf6",
)
"""Google's checkpoint. Google states no checksum; projects that pin the file agree on this one."""

PCA = pretrained.PretrainedFile(
    name="vggish_pca_params.npz",
    url="https://storage.googleapis.com/audioset/vggish_pca_params.npz",
    digest="md5:c80cae691033abe7c7ecd11ea39fc834",
    option="--pca_params",
)
"""Google's post-processing; the checksum is the one that OpenMIC-2018 pins."""

MAX_PCA_BYTES = 2**20
MISSING = "is missing"

KERAS_SUFFIXES = (".h5", ".hdf5", ".keras")

CONVOLUTIONS = {
    "conv1": (1, 64),
    "conv2": (64, 128),
    "conv3_1": (128, 256),
    "conv3_2": (256, 256),
    "conv4_1": (256, 512),
    "conv4_2": (512, 512),
}
"""Channels in and out; every kernel is 3 × 3."""

DENSE = {"fc1_1": (6 * 4 * 512, 4096), "fc1_2": (4096, 4096), "fc2": (4096, 128)}
"""Numbers in and out, as the release has them for its 96 × 64 patch."""

Tensors = dict[str, tuple[np.ndarray, np.ndarray]]
"""Kernel and bias by layer."""


@dataclass(frozen=True)
class Weights:
    """What a network is filled with.

    Attributes
    ----------
    tensors
        Kernel and bias by layer.
    origin
        For the provenance record: the file's name and hash, or the seed.
    """

    tensors: Tensors
    origin: Mapping[str, Any]


def load(source: str, *, dense: bool) -> Weights:
    """Get the tensors of VGGish.

    Parameters
    ----------
    source
        ``audioset`` (found or downloaded), ``random`` (seed 0, for trials without the weights),
        or the path of a TensorFlow checkpoint or a Keras ``.h5``.
    dense
        Whether the fully connected layers are needed too.

    Raises
    ------
    UsageError
        No such file.
    WeightsUnavailable
        The AudioSet checkpoint is neither here nor can be downloaded.
    InputError
        Not such a file; or a tensor in it is missing or has another shape, which is named.
    """
    if source == "random":
        return Weights(random_tensors(dense=dense), {"random": "seed 0"})
    path = pretrained.find(AUDIOSET) if source == "audioset" else expanded(source)
    if path.suffix.lower() in KERAS_SUFFIXES:
        return Weights(read_keras(path, dense=dense), _origin([path]))
    checkpoint = Checkpoint(path)
    return Weights(read_checkpoint(checkpoint, dense=dense), _origin(checkpoint.files))


def shapes(*, dense: bool) -> dict[str, tuple[int, ...]]:
    """Give the kernel's shape by layer, in the order of the network.

    >>> shapes(dense=False)["conv2"]
    (3, 3, 64, 128)
    """
    kernels: dict[str, tuple[int, ...]] = {
        name: (3, 3, *channels) for name, channels in CONVOLUTIONS.items()
    }
    return kernels | (DENSE if dense else {})


def scope(layer: str) -> str:
    """Give the name of a layer in the AudioSet checkpoint.

    >>> scope("conv1"), scope("conv3_1")
    ('vggish/conv1', 'vggish/conv3/conv3_1')
    """
    block, numbered, _ = layer.partition("_")
    return f"vggish/{block}/{layer}" if numbered else f"vggish/{layer}"


def random_tensors(*, dense: bool, seed: int = 0) -> Tensors:
    """Draw tensors for trials: He-normal kernels, biases zero, the same for the same seed.

    >>> kernel, bias = random_tensors(dense=False)["conv1"]
    >>> kernel.shape, kernel.dtype.name, float(bias.max())
    ((3, 3, 1, 64), 'float32', 0.0)
    """
    generator = np.random.default_rng(seed)
    tensors = {}
    for layer, shape in shapes(dense=dense).items():
        kernel = generator.standard_normal(shape, np.float32)
        kernel *= np.float32(np.sqrt(2 / np.prod(shape[:-1])))
        tensors[layer] = kernel, np.zeros(shape[-1], np.float32)
    return tensors


def read_checkpoint(checkpoint: Checkpoint, *, dense: bool) -> Tensors:
    """Take the tensors of a TensorFlow checkpoint by their AudioSet names."""
    known = checkpoint.shapes

    def get(layer: str, kind: str, want: tuple[int, ...]) -> np.ndarray | str:
        name = f"{scope(layer)}/{'weights' if kind == 'kernel' else 'biases'}"
        if name not in known:
            return MISSING
        return checkpoint.read(name) if known[name] == want else f"is {known[name]}, not {want}"

    return _collect(checkpoint.path, get, dense, lambda layer: scope(layer) + "/{weights,biases}")


def read_keras(path: Path, *, dense: bool) -> Tensors:
    """Read a Keras ``.h5`` whose layers carry the published names.

    That is ``conv1`` … ``conv4/conv4_2`` and ``vggish_fc2``, with or without what stands before
    the last ``/`` or after the last ``:``.
    """
    import h5py

    if not path.exists():
        raise UsageError(f"weights {str(path)!r}: no such file")
    found: dict[tuple[str, str], Any] = {}

    def note(name: str, item: Any) -> None:
        layer, _, kind = name.partition(":")[0].rpartition("/")
        layer = layer.rpartition("/")[2].removeprefix("vggish_")
        if isinstance(item, h5py.Dataset):
            found[layer, kind] = item

    try:
        with open_hdf5(path) as file:
            file.visititems(note)

            def get(layer: str, kind: str, want: tuple[int, ...]) -> np.ndarray | str:
                item = found.get((layer, kind))
                if item is None:
                    return MISSING
                if item.shape != want:
                    return f"is {item.dtype} {item.shape}, not {want}"
                return item[()]

            return _collect(path, get, dense, lambda layer: layer + "/{kernel,bias}")
    except HDF5_ERRORS as error:
        raise InputError(f"{path}: not an HDF5 file ({error})") from error


def read_pca(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read Google's post-processing: eigenvectors ``(128, 128)``, a row each, and means ``(128,)``.

    Raises
    ------
    InputError
        Not such a ``.npz``; what is missing or of another shape is named.
    """
    want = {"pca_eigen_vectors": 128 * 128, "pca_means": 128}
    try:
        arrays = read_npz(path, MAX_PCA_BYTES)
        have = {name: np.asarray(arrays[name], np.float64) for name in want if name in arrays}
    except (InputError, ValueError, TypeError) as error:
        raise InputError(f"{path}: not VGGish's PCA parameters (.npz): {error}") from error
    problems = [name for name, size in want.items() if name not in have or have[name].size != size]
    if problems:
        raise InputError(f"{path}: {', '.join(problems)} missing or of another size")
    return have["pca_eigen_vectors"].reshape(128, 128), have["pca_means"].reshape(128)


def _collect(
    path: Path,
    get: Callable[[str, str, tuple[int, ...]], np.ndarray | str],
    dense: bool,
    wording: Callable[[str], str],
) -> Tensors:
    """Take kernel and bias of every layer; list all that is missing or of another shape.

    `get` reads nothing but an array of the shape asked for, or says why it cannot.
    """
    tensors, problems = {}, []
    for layer, shape in shapes(dense=dense).items():
        pair = []
        for kind, want in (("kernel", shape), ("bias", shape[-1:])):
            array = get(layer, kind, want)
            if isinstance(array, str):
                hint = f" (expected as {wording(layer)})" if array == MISSING else ""
                problems.append(f"{layer}'s {kind} {array}{hint}")
            elif array.shape != want or array.dtype.kind != "f":
                problems.append(f"{layer}'s {kind} is {array.dtype} {array.shape}, not {want}")
            else:
                pair.append(array.astype(np.float32))
        tensors[layer] = tuple(pair)
    if problems:
        raise InputError(f"{path}: not the weights of VGGish: " + "; ".join(problems))
    return tensors  # type: ignore[return-value]


def _origin(files: list[Path]) -> dict[str, Any]:
    return {"file": files[0].name, "sha256": [sha256(file) for file in files]}
