"""The ResNet-152 network itself: weights found, checked and loaded; Keras or OpenVINO."""

from __future__ import annotations

import importlib.util
import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.backend import (
    Device,
    backend_name,
    compiled,
    fits,
    full_float32,
    load_backend,
    use_device,
)
from action_spotting.dataset.records import sha256
from action_spotting.errors import InputError, UsageError, unknown
from action_spotting.io.files import expanded
from action_spotting.io.pretrained import HDF5_ERRORS, PretrainedFile, find, open_hdf5
from action_spotting.visual.choices import CHANNEL_ORDERS, ENGINES, PRECISIONS
from action_spotting.visual.resnet_openvino import openvino_run

logger = logging.getLogger(__name__)

SHAPE = (224, 224, 3)
WIDTH = 2048
RANDOM_SEED = 0
CPU_BATCH = 16
"""As fast as larger batches on a CPU, with little padding for a short half."""
GPU_BATCH = 256

IMAGENET = PretrainedFile(
    name="resnet152_weights_tf_dim_ordering_tf_kernels_notop.h5",
    url="https://storage.googleapis.com/tensorflow/keras-applications/resnet/"
    "resnet152_weights_tf_dim_ordering_tf_kernels_notop.h5",
    digest="md5:ee4c566cf9a93f14d82f913c2dc6dd0c",
)
KERAS_CACHE = Path(os.path.expanduser("~/.keras/models"))  # noqa: PTH111 - a user may have no home

_CHANNEL_MEANS = (103.939, 116.779, 123.68)  # B, G, R of ImageNet, as Keras' caffe mode has them
_RESIDUAL_GAIN = 0.25


@dataclass(frozen=True)
class Settings:
    """How the network is made and run.

    Parameters
    ----------
    weights
        ``imagenet``, ``random`` (seeded: for trials without a download) or a ``.h5`` file.
    folder
        Where the published file is looked for first.
    channel_order
        ``soccernet`` or ``rgb``; see `action_spotting.visual.resnet`.
    precision
        ``float32``, ``bfloat16``, ``float16``, or ``auto``: bfloat16 where the device has it in
        hardware, else float32.
    engine
        ``openvino``, the back end that Keras runs on, or ``auto``: OpenVINO on a CPU where it is
        installed, else the back end.
    batch_size
        Frames a call; None: `CPU_BATCH` or `GPU_BATCH`. One that a GPU has no memory for is
        halved until it has.
    gpu
        Index of the GPU; -1: the CPU; None: the first GPU, or the CPU where there is none.
    """

    weights: str = "imagenet"
    folder: Path | None = None
    channel_order: str = "soccernet"
    precision: str = "float32"
    engine: str = "auto"
    batch_size: int | None = None
    gpu: int | None = -1

    def __post_init__(self) -> None:
        for kind, given, known in (
            ("channel order", self.channel_order, CHANNEL_ORDERS),
            ("precision", self.precision, PRECISIONS),
            ("engine", self.engine, ENGINES),
        ):
            if given not in known:
                raise UsageError(unknown(kind, given, known))
        if self.batch_size is not None and self.batch_size < 1:
            raise UsageError(f"--batch_size {self.batch_size}: must be 1 or more")


class Network:
    """Frames in, features out; may be called from several threads, one at a time is served.

    Parameters
    ----------
    run
        Begins to compute a batch.
    fetch
        Waits for what `run` has begun, and gives it as an array.
    device
        Where it runs, in words.
    batch_size, record
        As below.

    Attributes
    ----------
    batch_size
        Frames that every call must bring.
    record
        What the features depend on, for their provenance.
    device
        Where it runs, in words.
    """

    def __init__(
        self,
        run: Callable[[np.ndarray], Any],
        fetch: Callable[[Any], np.ndarray],
        device: str,
        batch_size: int,
        record: Mapping[str, Any],
    ) -> None:
        self._run, self._fetch = run, fetch
        self.device = device
        self._lock = threading.Lock()
        self.batch_size = batch_size
        self.record = record

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Compute float32 ``(batch_size, 2048)`` of BGR uint8 ``(batch_size, 224, 224, 3)``."""
        return self.finish(self.begin(batch))

    def begin(self, batch: np.ndarray) -> Any:
        """Hand a batch to the device; a GPU computes it while the next is gathered."""
        with self._lock:
            return self._run(batch)

    def finish(self, begun: Any) -> np.ndarray:
        """Wait for a batch that was begun."""
        features = self._fetch(begun)
        if self.record["precision"] == "float16" and not np.isfinite(features).all():
            raise InputError(
                "float16 overflows (it ends at 65504) in these pictures; take --precision "
                "bfloat16 or float32"
            )
        return features


def load_network(settings: Settings) -> Network:
    """Find the weights, build the network and make it ready.

    Raises
    ------
    action_spotting.io.pretrained.WeightsUnavailable
        The ImageNet weights are not here and cannot be downloaded.
    UsageError
        No such file, engine or GPU.
    InputError
        The weights are of another network.
    """
    path = _find_weights(settings)
    load_backend()
    device = use_device(-1 if settings.engine == "openvino" else settings.gpu)
    engine = _engine(settings.engine, device)
    precision = settings.precision
    if precision == "auto":
        precision = "bfloat16" if device.bfloat16 else "float32"
    if precision == "float32":
        full_float32()
    record = {
        "weights": {"sha256": sha256(path)} if path else {"random": f"seed {RANDOM_SEED}"},
        "channel_order": settings.channel_order,
        "precision": precision,
        "engine": engine,
    }
    swap = settings.channel_order == "soccernet"
    size = settings.batch_size or (CPU_BATCH if device.gpu < 0 else GPU_BATCH)
    if engine == "openvino":
        model, shape = build_model(path), (size, *SHAPE)
        run = openvino_run(model, shape, _CHANNEL_MEANS, swap=swap, precision=precision)
        return Network(run, np.asarray, "CPU, OpenVINO", size, record)
    run, fetch = _keras_run(path, device, swap=swap, precision=precision)
    if device.gpu >= 0:
        size = _fitting(run, fetch, size, device)
    return Network(run, fetch, f"{device}, Keras on {engine}", size, record)


def _engine(wanted: str, device: Device) -> str:
    """Give the engine to use: OpenVINO on a CPU where it is installed, else the back end."""
    there = importlib.util.find_spec("openvino") is not None
    if wanted == "auto":
        return "openvino" if there and device.gpu < 0 else backend_name()
    if wanted == "openvino" and not there:
        raise UsageError("--engine openvino: OpenVINO is not installed; pip install openvino")
    if wanted not in ("openvino", backend_name()):
        raise UsageError(
            f"--engine {wanted}: Keras runs on {backend_name()} here; set KERAS_BACKEND={wanted}"
        )
    return wanted


def _keras_run(
    path: Path | None, device: Device, *, swap: bool, precision: str
) -> tuple[Callable[[np.ndarray], Any], Callable[[Any], np.ndarray]]:
    """Make what begins a uint8 BGR batch on the back end, and what fetches its features."""
    from keras import ops

    with device.scope():
        model = build_model(path, precision)

    def features(batch: Any) -> Any:
        picture = ops.cast(batch, "float32")
        # Keras swaps the channels of what it takes for RGB; an RGB copy of BGR swapped is BGR.
        picture = ops.flip(picture, axis=-1) if swap else picture
        picture = picture - ops.convert_to_tensor(_CHANNEL_MEANS, dtype="float32")
        # The pool is summed in float32, whatever the precision of the convolutions.
        return ops.mean(ops.cast(model(picture, training=False), "float32"), axis=[1, 2])

    call = compiled(features, model.variables)

    def run(batch: np.ndarray) -> Any:
        with device.scope():
            return call(batch)

    return run, ops.convert_to_numpy


def _fitting(
    run: Callable[[np.ndarray], Any],
    fetch: Callable[[Any], np.ndarray],
    size: int,
    device: Device,
) -> int:
    """Give the size of batch, `size` halved as often as needed, that a GPU has memory for."""
    wanted = size

    def once() -> None:
        fetch(run(np.zeros((size, *SHAPE), np.uint8)))

    while not fits(once):
        if size == 1:
            raise UsageError(f"{device} has not the memory for ResNet-152; --GPU -1 is the CPU")
        size //= 2
    if size < wanted:
        logger.warning("%s has no memory for batches of %d: they are of %d", device, wanted, size)
    return size


def build_model(path: Path | None, precision: str = "float32") -> Any:
    """Build Keras' ResNet-152 up to its last convolution, with the weights of `path` or random.

    Returns
    -------
    keras.Model
        ``(n, 224, 224, 3)`` to ``(n, 7, 7, 2048)``.
    """
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision if precision == "float32" else f"mixed_{precision}")
    try:
        model = keras.applications.ResNet152(weights=None, include_top=False, input_shape=SHAPE)
    finally:
        keras.config.set_dtype_policy(before)
    if path is None:
        _randomise(model)
    else:
        _load_weights(model, path)
    return model


def _find_weights(settings: Settings) -> Path | None:
    if settings.weights == "random":
        return None
    if settings.weights == "imagenet":
        named = settings.folder and (settings.folder / IMAGENET.name).is_file()
        return find(IMAGENET, settings.folder if named else KERAS_CACHE)
    path = expanded(settings.weights)
    if not path.is_file():
        raise UsageError(
            f"--weights {settings.weights!r}: no such file; expected imagenet, random, or a .h5 "
            "file with the weights of ResNet-152"
        )
    return path


def _randomise(model: Any) -> None:
    """Give the network weights that are the same everywhere and keep its numbers in range.

    He's initialisation keeps the size of a signal through a convolution; filters that sum to 0
    keep the pictures' common part (brightness) from drowning what differs; the residual branches
    are damped, or 50 of them would double the signal 50 times over.
    """
    rng = np.random.default_rng(RANDOM_SEED)
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is not None:
            fan_in = float(np.prod(kernel.shape[:3]))
            values = rng.standard_normal(kernel.shape, dtype=np.float32)
            values -= values.mean(axis=(0, 1, 2))
            kernel.assign(values * np.float32(np.sqrt(2 / fan_in)))
        elif layer.name.endswith("_3_bn"):
            layer.gamma.assign(np.full(layer.gamma.shape, _RESIDUAL_GAIN, np.float32))
        elif layer.name == "conv1_bn":
            layer.moving_variance.assign(np.full(layer.gamma.shape, 2 * 60.0**2, np.float32))


def _load_weights(model: Any, path: Path) -> None:
    """Load a Keras ``.h5`` of ResNet-152, with or without its classifier.

    Layers go by name, so that the classifier of a whole network is left aside.
    """
    problem = _mismatch(model, path)
    if problem:
        raise InputError(
            f"{path}: not the weights of ResNet-152 ({problem}); expected Keras' "
            f"{IMAGENET.name} or a file of the same layers"
        )
    try:
        model.load_weights(path, by_name=True)
    except HDF5_ERRORS as error:
        raise InputError(f"{path}: its weights cannot be read ({error})") from error


def _mismatch(model: Any, path: Path) -> str | None:
    """Say how the file's layers differ from the model's; None when all are there."""
    import h5py

    try:
        with open_hdf5(path) as file:
            layers = file.get("model_weights", file)
            if not isinstance(layers, h5py.Group):
                return "its model_weights are no group of layers"
            for layer in model.layers:
                want = sorted(tuple(weight.shape) for weight in layer.weights)
                if want and layer.name not in layers:
                    return f"it has no layer {layer.name}"
                arrays = _arrays(layers[layer.name]) if want else []
                have = sorted(array.shape for array in arrays)
                if have != want:
                    return f"layer {layer.name} has the shapes {have}, expected {want}"
    except HDF5_ERRORS as error:
        return f"not an HDF5 file: {error}"
    return None


def _arrays(layer: Any) -> list[Any]:
    """The arrays of a layer; none where a stranger's file has no group at its place."""
    import h5py

    arrays: list[Any] = []
    if isinstance(layer, h5py.Group):
        layer.visititems(lambda _, x: arrays.append(x) if isinstance(x, h5py.Dataset) else None)
    return arrays
