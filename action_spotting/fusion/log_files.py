"""The files that tell how a training goes: ``log.csv``, and TensorBoard's."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import msgspec

from action_spotting.errors import UsageError
from action_spotting.fusion.checkpoint import Epoch
from action_spotting.io.files import whole_file

LOG_FILE = "log.csv"


def write_log(path: Path, log: Sequence[Epoch]) -> None:
    """Write the training log as CSV."""
    with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(Epoch.__struct_fields__)
        writer.writerows(msgspec.structs.astuple(row) for row in log)


def check_tensorboard(folder: Path | None) -> None:
    """Raise `UsageError` where TensorBoard's files are asked for and nothing can write them."""
    if folder and not importlib.util.find_spec("tensorflow"):
        raise UsageError("--tensorboard: TensorFlow writes its files, and is not installed")


def write_tensorboard(folder: Path, row: Epoch) -> None:
    """Add an epoch to the event files in `folder`; TensorFlow writes them."""
    import tensorflow as tf

    # tf.summary.scalar needs TensorBoard to be installed; the events it writes do not.
    metadata = tf.compat.v1.SummaryMetadata(
        plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"), data_class=1
    )
    with tf.summary.create_file_writer(str(folder)).as_default(step=row.epoch):
        for name in ("loss", "tight"):
            tf.summary.write(name, tf.constant(getattr(row, name), tf.float32), metadata=metadata)
