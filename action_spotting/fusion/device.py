"""What the machine offers, and what a training asks of it."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from typing import Any

import keras

from action_spotting.backend import CPU_FLAGS, backend_name, gpus, has_bfloat16
from action_spotting.dataset.records import package_versions

MACHINE_FILE = "machine.json"
"""Hardware and versions that can change the last digits of a training."""


def set_up(seed: int) -> None:
    """Seed everything and make every operation give the same result each time."""
    keras.utils.set_random_seed(seed)
    if backend_name() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    elif backend_name() == "torch":
        import torch

        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)


def describe() -> dict[str, Any]:
    """Describe the hardware and the versions that can change the last digits of a training."""
    return {
        "note": "The same seed, settings and features give the same bytes on this machine and "
        "back end. Elsewhere the last digits, and with them the chosen epoch, may differ: with "
        "another processor's instruction set, another number of threads, on a GPU or another GPU, "
        "and with another back end or version of it, of Keras or of NumPy.",
        "backend": backend_name(),
        "processor": _processor(),
        "threads": _threads() or os.cpu_count(),
        "gpus": [gpu.name for gpu in gpus()],
        "versions": package_versions(backend_name(), "keras", "numpy"),
    }


def _threads() -> int:
    """The threads that the back end was told to use; 0: it takes all."""
    if backend_name() == "tensorflow":
        import tensorflow as tf

        return tf.config.threading.get_intra_op_parallelism_threads()
    if backend_name() == "torch":
        import torch

        return torch.get_num_threads()
    return 0


def _processor() -> str:
    """The processor's name, where Linux tells it, and its architecture."""
    lines = CPU_FLAGS.read_text(encoding="utf-8").splitlines() if CPU_FLAGS.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return ", ".join([*names[:1], platform.machine()])


@contextlib.contextmanager
def compute_in(precision: str) -> Iterator[None]:
    """Make layers compute in bfloat16 where `precision` says so; variables stay float32."""
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(
        "mixed_bfloat16" if wants_bfloat16(precision) else "float32"
    )
    try:
        yield
    finally:
        keras.mixed_precision.set_dtype_policy(before)


def wants_bfloat16(precision: str) -> bool:
    """Tell whether to compute in bfloat16; ``auto``: where it is done in hardware."""
    if precision != "auto":
        return precision == "bfloat16"
    return all(map(has_bfloat16, gpus())) if gpus() else has_bfloat16(None)
