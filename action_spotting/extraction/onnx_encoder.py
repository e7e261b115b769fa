"""A frozen ONNX network as an encoder: one vector for each picture or stretch of sound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.records import sha256
from action_spotting.errors import InputError, UsageError, unknown
from action_spotting.io.onnx_network import OnnxNetwork

POOLS = ("mean", "cls", "none")
MAX_WIDTH = 2**16
"""Numbers in a row."""


@dataclass(frozen=True)
class EncoderSettings:
    """Which network, and which of its numbers make a row.

    Attributes
    ----------
    onnx
        The ``.onnx`` file.
    output
        Name of the output; empty: the first.
    pool
        What is done with an output of more than one vector: ``mean`` of all tokens, or over
        height and width; ``cls``: the first token; ``none``: all numbers, one after the other.
    batch_size
        Inputs a call; a network of fixed batch size overrules it.
    gpu
        Index of the GPU; -1: the CPU; None: the first GPU, or the CPU where there is none.

    Raises
    ------
    UsageError
        No such file or pool, or a batch size below 1.
    """

    onnx: Path
    output: str = ""
    pool: str = "mean"
    batch_size: int = 16
    gpu: int | None = -1

    def __post_init__(self) -> None:
        if self.pool not in POOLS:
            raise UsageError(unknown("pool", self.pool, POOLS))
        if self.batch_size < 1:
            raise UsageError(f"--batch_size {self.batch_size}: must be 1 or more")
        if not Path(self.onnx).is_file():
            raise UsageError(f"--onnx {str(self.onnx)!r}: no such file; an .onnx file is expected")

    def open(self) -> OnnxNetwork:
        """Check the file and make the network ready."""
        return OnnxNetwork(Path(self.onnx), self.gpu, self.output)

    def record(self, network: OnnxNetwork) -> dict[str, Any]:
        """Give what the features depend on, for their provenance.

        Parameters
        ----------
        network
            As `open` gave it.

        Returns
        -------
        dict
        """
        return {
            "network": "onnx",
            "weights": {"sha256": sha256(Path(self.onnx))},
            "output": network.output,
            "pool": self.pool,
        }


def pooled(path: Path, output: np.ndarray, pool: str, *, channels_last: bool = False) -> np.ndarray:
    """Make one row of each input's output.

    Parameters
    ----------
    path
        The network, for messages.
    output
        ``(n, numbers)``, tokens ``(n, tokens, numbers)``, or a map ``(n, channels, height,
        width)``.
    pool
        See `EncoderSettings`; an output of one vector is taken as it is.
    channels_last
        A map is ``(n, height, width, channels)``.

    Returns
    -------
    float32 array ``(n, width)``

    Raises
    ------
    InputError
        No number, or more than `MAX_WIDTH` in a row.
    UsageError
        No tokens of which ``cls`` could be the first.

    Examples
    --------
    >>> tokens = np.array([[[1.0, 2.0], [3.0, 4.0]]])
    >>> [pooled(Path("n.onnx"), tokens, pool).tolist() for pool in ("mean", "cls", "none")]
    [[[2.0, 3.0]], [[1.0, 2.0]], [[1.0, 2.0, 3.0, 4.0]]]
    """
    rows = output
    if output.ndim == 3 and pool == "cls":
        rows = output[:, 0]
    elif output.ndim > 2 and pool == "mean":
        last = channels_last or output.ndim == 3
        rows = output.mean(axis=tuple(range(1, output.ndim - 1) if last else range(2, output.ndim)))
    elif output.ndim > 3 and pool == "cls":
        raise UsageError(
            f"--pool cls: {path} gives {output.shape}, which is no list of tokens; take mean"
        )
    rows = rows.reshape(len(rows), -1)
    if not 0 < rows.shape[1] <= MAX_WIDTH:
        raise InputError(
            f"{path}: its output {output.shape} makes {rows.shape[1]} numbers a row, of 1 to "
            f"{MAX_WIDTH}; choose another --output, or --pool mean"
        )
    return np.ascontiguousarray(rows, dtype=np.float32)
