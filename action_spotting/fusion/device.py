"""What the machine offers, and what a training asks of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import keras
import tensorflow as tf

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


def strategy() -> tf.distribute.Strategy:
    """Give what spreads a training over several GPUs; with one or none, what does nothing."""
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


@contextlib.contextmanager
def mixed(precision: str) -> Iterator[None]:
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
