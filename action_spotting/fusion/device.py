"""What the machine offers, and what a training asks of it."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from action_spotting.dataset.records import package_versions

CPU_FLAGS = Path("/proc/cpuinfo")
BFLOAT16_SINCE = (8, 0)
"""Compute capability from which a GPU multiplies bfloat16 in hardware."""


def has_gpu() -> bool:
    """Tell whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))


def set_up(seed: int) -> None:
    """Seed everything and make every operation give the same result each time."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def describe() -> dict[str, Any]:
    """Describe the hardware and the versions that can change the last digits of a training."""
    return {
        "note": "The same seed, settings and features give the same bytes on this machine. "
        "Elsewhere the last digits, and with them the chosen epoch, may differ: with another "
        "processor's instruction set, another number of threads, on a GPU or another GPU, and with "
        "another version of TensorFlow, Keras or NumPy.",
        "processor": _processor(),
        "threads": tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count(),
        "gpus": [
            tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
            for gpu in tf.config.list_physical_devices("GPU")
        ],
        "versions": package_versions("tensorflow", "keras", "numpy"),
    }


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
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        return all(
            tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
            >= BFLOAT16_SINCE
            for gpu in gpus
        )
    return CPU_FLAGS.exists() and "avx512_bf16" in CPU_FLAGS.read_text(encoding="utf-8")
