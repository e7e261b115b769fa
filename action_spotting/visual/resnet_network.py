"""The ResNet-152 network itself: weights found, checked and loaded; TensorFlow or OpenVINO."""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.records import sha256
from action_spotting.errors import InputError, UsageError, unknown
from action_spotting.io.files import expanded
from action_spotting.io.pretrained import HDF5_ERRORS, PretrainedFile, find, open_hdf5
from action_spotting.visual.choices import CHANNEL_ORDERS, ENGINES, PRECISIONS

SHAPE = (224, 224, 3)
WIDTH = 2048
RANDOM_SEED = 0

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
        ``float32``, ``bfloat16`` or ``float16``.
    engine
        ``tensorflow`` or ``openvino``.
    batch_size
        Frames a call.
    gpu
        Index of the GPU; -1: the CPU. Without any GPU the CPU is used.
    """

    weights: str = "imagenet"
    folder: Path | None = None
    channel_order: str = "soccernet"
    precision: str = "float32"
    engine: str = "tensorflow"
    batch_size: int = 32
    gpu: int = -1

    def __post_init__(self) -> None:
        for kind, given, known in (
            ("channel order", self.channel_order, CHANNEL_ORDERS),
            ("precision", self.precision, PRECISIONS),
            ("engine", self.engine, ENGINES),
        ):
            if given not in known:
                raise UsageError(unknown(kind, given, known))
        if self.batch_size < 1:
            raise UsageError(f"--batch_size {self.batch_size}: must be 1 or more")


class Network:
    """Frames in, features out; may be called from several threads, one at a time is served.

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
        run: Callable[[np.ndarray], np.ndarray],
        device: str,
        batch_size: int,
        record: Mapping[str, Any],
    ) -> None:
        self._run = run
        self.device = device
        self._lock = threading.Lock()
        self.batch_size = batch_size
        self.record = record

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Compute float32 ``(batch_size, 2048)`` of BGR uint8 ``(batch_size, 224, 224, 3)``."""
        with self._lock:
            return self._run(batch)


def load_network(settings: Settings) -> Network:
    """Find the weights, build the network and make it ready.

    Raises
    ------
    action_spotting.io.pretrained.WeightsUnavailable
        The ImageNet weights are not here and cannot be downloaded.
    UsageError
        No such file; OpenVINO is asked for and not installed.
    InputError
        The weights are of another network.
    """
    path = _find_weights(settings)
    record = {
        "weights": {"sha256": sha256(path)} if path else {"random": f"seed {RANDOM_SEED}"},
        "channel_order": settings.channel_order,
        "precision": settings.precision,
        "engine": settings.engine,
    }
    on_openvino = settings.engine == "openvino"
    if on_openvino and importlib.util.find_spec("openvino") is None:
        raise UsageError(
            "--engine openvino: OpenVINO is not installed; pip install 'action_spotting[openvino]'"
        )
    device = use_device(-1 if on_openvino else settings.gpu)
    run = (_openvino_run if on_openvino else _tensorflow_run)(settings, path)
    return Network(run, device, settings.batch_size, record)


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


def use_device(gpu: int) -> str:
    """Choose the GPU with index `gpu` for TensorFlow, or the CPU; say which it is.

    It must come before TensorFlow has run anything.
    """
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpu >= len(gpus) > 0:
        raise UsageError(f"--GPU {gpu} does not exist; there are {len(gpus)}, counted from 0")
    chosen = gpus[gpu : gpu + 1] if gpu >= 0 else []
    try:
        tf.config.set_visible_devices(chosen, "GPU")
        for device in chosen:
            tf.config.experimental.set_memory_growth(device, True)
    except RuntimeError as error:
        raise UsageError(f"--GPU {gpu}: TensorFlow already runs on other devices") from error
    return f"GPU {gpu}" if chosen else "CPU"


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


def _graph(settings: Settings, path: Path | None) -> Any:
    """Make the function uint8 BGR batch -> features, traced for exactly one batch shape."""
    import tensorflow as tf

    model = build_model(path, settings.precision if settings.engine == "tensorflow" else "float32")
    means = tf.constant(_CHANNEL_MEANS, tf.float32)
    swap = settings.channel_order == "soccernet"
    signature = [tf.TensorSpec((settings.batch_size, *SHAPE), tf.uint8)]

    @tf.function(input_signature=signature)  # type: ignore[untyped-decorator, unused-ignore]
    def features(batch: Any) -> Any:
        picture = tf.cast(batch, tf.float32)
        # Keras swaps the channels of what it takes for RGB; an RGB copy of BGR swapped is BGR.
        picture = (picture[..., ::-1] if swap else picture) - means
        # The pool is summed in float32, whatever the precision of the convolutions.
        return tf.reduce_mean(tf.cast(model(picture, training=False), tf.float32), axis=[1, 2])

    return features


def _tensorflow_run(settings: Settings, path: Path | None) -> Callable[[np.ndarray], np.ndarray]:
    features = _graph(settings, path)
    return lambda batch: features(batch).numpy()


def _openvino_run(settings: Settings, path: Path | None) -> Callable[[np.ndarray], np.ndarray]:
    import openvino

    graph = openvino.convert_model(_graph(settings, path).get_concrete_function())
    precision = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}[settings.precision]
    options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(graph, "CPU", options)
    return lambda batch: compiled(batch)[0]


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
