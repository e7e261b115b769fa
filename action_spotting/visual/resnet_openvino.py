"""The ResNet-152 of Keras as an OpenVINO graph, layer by layer: from any back end, in seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

PRECISION_NAMES = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
_AUTO_PAD = {"same": "same_upper", "valid": "valid"}


def import_openvino() -> Any:
    """Import OpenVINO without its telemetry, which tells its makers of every import of it.

    It does so in a forked process, which does not go with the threads of a back end either.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino
    import openvino.opset8

    return openvino


def openvino_run(
    model: Any, shape: Sequence[int], means: Sequence[float], *, swap: bool, precision: str
) -> Callable[[np.ndarray], np.ndarray]:
    """Compile the network for the CPU: uint8 pictures in, float32 features out.

    Parameters
    ----------
    model
        The Keras model up to its last convolution.
    shape
        Of a batch: ``(n, height, width, 3)``.
    means
        What is taken from each channel.
    swap
        Turn the order of the channels round before that.
    precision
        ``float32``, ``bfloat16`` or ``float16``; what the processor lacks is done in float32.
    """
    openvino = import_openvino()
    options = {
        "INFERENCE_PRECISION_HINT": PRECISION_NAMES[precision],
        "PERFORMANCE_HINT": "LATENCY",
    }
    graph = _graph(model, shape, means, swap)
    compiled = openvino.Core().compile_model(graph, "CPU", options)
    return lambda batch: compiled(batch)[0]


def _graph(model: Any, shape: Sequence[int], means: Sequence[float], swap: bool) -> Any:
    """Compose the graph; OpenVINO's own order is channels first."""
    openvino = import_openvino()
    ops = openvino.opset8
    pictures = ops.parameter(list(shape), np.uint8, name="pictures")
    x = ops.transpose(ops.convert(pictures, "f32"), np.array([0, 3, 1, 2]))
    if swap:
        x = ops.gather(x, np.array([2, 1, 0]), np.array(1))
    made = {id(model.input): ops.subtract(x, _channels(means))}
    for layer in model.layers[1:]:
        given = layer.input if isinstance(layer.input, list) else [layer.input]
        made[id(layer.output)] = _node(ops, layer, [made[id(tensor)] for tensor in given])
    pooled = ops.reduce_mean(made[id(model.output)], np.array([2, 3]))
    return openvino.Model([pooled], [pictures])


def _node(ops: Any, layer: Any, given: Sequence[Any]) -> Any:
    """Give the graph's node for a layer."""
    match type(layer).__name__:
        case "Conv2D":
            kernel = np.ascontiguousarray(_numbers(layer.kernel).transpose(3, 2, 0, 1))
            zero, pad = (0, 0), _AUTO_PAD[layer.padding]
            y = ops.convolution(*given, kernel, layer.strides, zero, zero, (1, 1), auto_pad=pad)
            return ops.add(y, _channels(_numbers(layer.bias)))
        case "BatchNormalization":
            names = ("gamma", "beta", "moving_mean", "moving_variance")
            numbers = [_numbers(getattr(layer, name)) for name in names]
            return ops.batch_norm_inference(*given, *numbers, layer.epsilon)
        case "Activation":
            return ops.relu(*given)
        case "Add":
            return ops.add(*given)
        case "ZeroPadding2D":
            before, after = (np.array([0, 0, *side]) for side in zip(*layer.padding, strict=True))
            return ops.pad(*given, before, after, "constant", np.float32(0))
        case "MaxPooling2D":
            size, zero = layer.pool_size, (0, 0)
            return ops.max_pool(*given, layer.strides, (1, 1), zero, zero, size).output(0)
    raise TypeError(f"ResNet-152 has no {type(layer).__name__}")


def _numbers(variable: Any) -> np.ndarray:
    from keras import ops

    return np.asarray(ops.convert_to_numpy(variable), dtype=np.float32)


def _channels(values: Sequence[float] | np.ndarray) -> np.ndarray:
    return np.asarray(values, np.float32)[None, :, None, None]
