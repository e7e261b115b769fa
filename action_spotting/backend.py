"""The deep-learning back end of Keras: the choice, a quiet import, devices, compiled functions."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from action_spotting.errors import UsageError, unknown
from action_spotting.io.gpus import why_none

logger = logging.getLogger(__name__)

BACKENDS = ("tensorflow", "torch", "jax")
"""In the order of preference, where ``KERAS_BACKEND`` does not choose."""

VARIABLE = "KERAS_BACKEND"
CPU_FLAGS = Path("/proc/cpuinfo")
BFLOAT16_SINCE = (8, 0)
"""Compute capability from which a GPU multiplies bfloat16 in hardware."""


def choose_backend() -> str:
    """Give the back end that Keras uses, and see that it will; imports nothing.

    Returns
    -------
    str
        ``KERAS_BACKEND`` where that is set, else the first of `BACKENDS` that is installed.

    Raises
    ------
    UsageError
        ``KERAS_BACKEND`` is unknown or not installed, or none is.
    """
    given = os.environ.get(VARIABLE)
    there = [name for name in BACKENDS if importlib.util.find_spec(name)]
    if given and given not in BACKENDS:
        raise UsageError(unknown(VARIABLE, given, BACKENDS))
    if given and given not in there:
        install = "" if given == "tensorflow" else f"; pip install 'action_spotting[{given}]'"
        others = f", or set it to {' or '.join(there)}" if there else ""
        raise UsageError(f"{VARIABLE}={given}: it is not installed{install}{others}")
    if not there:
        raise UsageError(
            "networks need one of TensorFlow, PyTorch and JAX, and none is installed; "
            "pip install tensorflow, or 'action_spotting[torch]' or 'action_spotting[jax]'"
        )
    os.environ[VARIABLE] = given or there[0]
    return os.environ[VARIABLE]


def load_backend() -> None:
    """Import Keras and its back end without the lines that they print while they start.

    Some of TensorFlow's come before any of its settings can silence them. If the import fails,
    they are printed.

    Raises
    ------
    UsageError
        As `choose_backend`.
    """
    if "keras" in sys.modules:
        return
    if choose_backend() == "jax":
        # Else one process takes three quarters of the memory of every GPU.
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        os.environ.setdefault("XLA_FLAGS", "--xla_gpu_deterministic_ops=true")
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            import keras  # noqa: F401
        except BaseException:
            said.seek(0)
            os.write(kept, said.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def backend_name() -> str:
    """Give the back end that Keras runs on."""
    import keras

    return keras.backend.backend()


class Gpu(NamedTuple):
    """A GPU that the back end sees: its name, and its compute capability."""

    name: str
    capability: tuple[int, ...] = (0, 0)


@dataclass(frozen=True)
class Device:
    """Where a network runs.

    Attributes
    ----------
    gpu
        Index of the GPU; -1: the CPU.
    bfloat16
        Whether it multiplies bfloat16 in hardware.
    """

    gpu: int = -1
    bfloat16: bool = False

    def __str__(self) -> str:
        return "CPU" if self.gpu < 0 else f"GPU {self.gpu}"

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Give what networks are built and called in, in every thread that does."""
        import keras

        if backend_name() == "tensorflow":  # sees no other device
            return contextlib.nullcontext()
        return keras.device("cpu:0" if self.gpu < 0 else f"gpu:{self.gpu}")


def gpus() -> list[Gpu]:
    """List the GPUs that the back end sees."""
    name = backend_name()
    if name == "tensorflow":
        import tensorflow as tf

        there = tf.config.list_physical_devices("GPU")
        details = [tf.config.experimental.get_device_details(gpu) for gpu in there]
        return [
            Gpu(str(known.get("device_name", gpu.name)), known.get("compute_capability", (0, 0)))
            for gpu, known in zip(there, details, strict=True)
        ]
    if name == "torch":
        import torch

        return [
            Gpu(torch.cuda.get_device_name(i), torch.cuda.get_device_capability(i))
            for i in range(torch.cuda.device_count())
        ]
    import jax

    found = [device for device in jax.local_devices() if device.platform == "gpu"]
    return [
        Gpu(gpu.device_kind, tuple(int(n) for n in str(gpu.compute_capability).split(".")))
        for gpu in found
    ]


def use_device(gpu: int | None) -> Device:
    """Choose the device that networks of this process run on.

    With TensorFlow it must come before it has run anything.

    Parameters
    ----------
    gpu
        Index of the GPU; -1: the CPU; None: the first GPU, or the CPU where there is none.

    Returns
    -------
    Device

    Raises
    ------
    UsageError
        There is no such GPU, or TensorFlow already runs on other devices.
    """
    there = gpus()
    if gpu is None:
        gpu = 0 if there else -1
    if gpu >= len(there):
        seen = f"it sees {len(there)}, counted from 0" if there else why_none(backend_name())
        raise UsageError(
            f"--GPU {gpu}: {backend_name()} has no such GPU: {seen}; --GPU -1 is the CPU"
        )
    if backend_name() == "tensorflow":
        _show_tensorflow(gpu)
    device = Device(gpu, has_bfloat16(there[gpu] if gpu >= 0 else None))
    of = there[gpu].name if gpu >= 0 else f"{backend_name()} sees {len(there) or 'no'} GPU"
    _tell(f"networks run on {device} ({of})")
    return device


@cache
def _tell(text: str) -> None:
    """Log a text once in a process."""
    logger.info(text)


def _show_tensorflow(gpu: int) -> None:
    """Let TensorFlow see one GPU, or none, and take memory of it only as it needs it."""
    import tensorflow as tf

    chosen = tf.config.list_physical_devices("GPU")[gpu:][:1] if gpu >= 0 else []
    try:
        tf.config.set_visible_devices(chosen, "GPU")
        for device in chosen:
            tf.config.experimental.set_memory_growth(device, True)
    except RuntimeError as error:
        raise UsageError(f"--GPU {gpu}: TensorFlow already runs on other devices") from error


def has_bfloat16(gpu: Gpu | None) -> bool:
    """Tell whether bfloat16 is multiplied in hardware.

    Parameters
    ----------
    gpu
        The GPU; None: the CPU.
    """
    if gpu is not None:
        return gpu.capability >= BFLOAT16_SINCE
    flags = CPU_FLAGS.read_text(encoding="utf-8") if CPU_FLAGS.exists() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags


def full_float32() -> None:
    """Compute float32 on a GPU with all its digits, not as TF32 with three of them."""
    match backend_name():
        case "tensorflow":
            import tensorflow as tf

            tf.config.experimental.enable_tensor_float_32_execution(False)
        case "torch":
            import torch

            torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        case _:
            import jax

            jax.config.update("jax_default_matmul_precision", "float32")  # type: ignore[no-untyped-call, unused-ignore]


def fits(run: Callable[[], object]) -> bool:
    """Call a function; False when the device has not the memory for it.

    Parameters
    ----------
    run
        The function.
    """
    try:
        run()
    except _memory_errors() as error:
        if backend_name() == "jax" and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        return False
    return True


def _memory_errors() -> tuple[type[Exception], ...]:
    match backend_name():
        case "tensorflow":
            import tensorflow as tf

            return (tf.errors.ResourceExhaustedError,)
        case "torch":
            import torch

            return (torch.cuda.OutOfMemoryError,)
        case _:
            import jax

            return (jax.errors.JaxRuntimeError,)


def compiled(call: Callable[..., Any], variables: Sequence[Any]) -> Callable[..., Any]:
    """Compile a function of arrays that reads Keras variables, once for each shape.

    What it gives stays on the device, and may still be in work there, until
    ``keras.ops.convert_to_numpy`` fetches it.

    Parameters
    ----------
    call
        Takes arrays, or dicts of arrays.
    variables
        All that it reads.
    """
    match backend_name():
        case "tensorflow":
            import tensorflow as tf

            return tf.function(call, reduce_retracing=True, autograph=False)
        case "torch":
            import torch

            return torch.no_grad()(call)
        case _:
            return _compiled_by_jax(call, variables)


def _compiled_by_jax(call: Callable[..., Any], variables: Sequence[Any]) -> Callable[..., Any]:
    import jax
    import keras

    @jax.jit  # type: ignore[untyped-decorator, unused-ignore]
    def pure(values: Sequence[Any], *arrays: Any) -> Any:
        with keras.StatelessScope(list(zip(variables, values, strict=True))):
            return call(*arrays)

    return lambda *arrays: pure([variable.value for variable in variables], *arrays)
