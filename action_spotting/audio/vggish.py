"""VGGish: 512 numbers from the last convolution for every half-second of sound.

The signal path of the published SoccerNet audio features (Vanderplaetse and Dupont, "Improved
Soccer Action Spotting using both Audio and Video Streams", CVPRW 2020): half a second, 46 × 64
log-mel patch, convolutions up to ``conv4_2``, average over time and frequency. `Standard` is
Google's own use of the network: 0.96 s, 128 numbers, PCA, 8 bits.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.audio import vggish_weights
from action_spotting.audio.mel import BANDS, HOP, WINDOW, log_mel
from action_spotting.audio.waveform import around
from action_spotting.backend import compiled, full_float32, load_backend
from action_spotting.dataset.records import sha256
from action_spotting.io import pretrained

FRAMES = 46
STANDARD_FRAMES = 96
STANDARD_SAMPLES = WINDOW + HOP * (STANDARD_FRAMES - 1)
QUANTISED = (-2.0, 2.0)
"""The range that Google's post-processing spreads over 0…255."""


def build_network(*, frames: int, dense: bool) -> Any:
    """Build VGGish as a Keras model whose layers carry the published names.

    ``conv1`` … ``conv4_2`` and, with `dense`, ``fc1_1``, ``fc1_2``, ``fc2`` (in the checkpoint
    ``vggish/conv3/conv3_1`` …; Keras allows no ``/``).

    Parameters
    ----------
    frames
        Windows in a patch; 96 when `dense`.
    dense
        End with the 128-number embedding (no activation, as released) instead of with the
        average of ``conv4_2`` over time and frequency.

    Returns
    -------
    keras.Model
        ``(n, frames, 64, 1)`` → ``(n, 128 if dense else 512)``.
    """
    from keras import Model, layers

    patch = layers.Input((frames, BANDS, 1), name="log_mel")
    x = patch
    for name, (_, channels) in vggish_weights.CONVOLUTIONS.items():
        x = layers.Conv2D(channels, 3, padding="same", activation="relu", name=name)(x)
        if name in ("conv1", "conv2", "conv3_2"):
            x = layers.MaxPooling2D(2, padding="same", name=f"pool{name[4]}")(x)
    if not dense:
        return Model(patch, layers.GlobalAveragePooling2D(name="average")(x), name="VGGish")
    x = layers.MaxPooling2D(2, padding="same", name="pool4")(x)
    x = layers.Flatten(name="flatten")(x)
    for name, (_, numbers) in vggish_weights.DENSE.items():
        activation = None if name == "fc2" else "relu"
        x = layers.Dense(numbers, activation=activation, name=name)(x)
    return Model(patch, x, name="VGGish")


class Network:
    """VGGish with its weights, to be called from any thread.

    Parameters
    ----------
    weights
        Kernel and bias of every layer.
    frames, dense
        As for `build_network`.
    batch_size
        Patches that go through the network at once; a smaller number is filled up with silence,
        so that a row's numbers do not depend on how many rows come with it.
    """

    def __init__(
        self, weights: vggish_weights.Weights, *, frames: int, dense: bool, batch_size: int = 64
    ) -> None:
        load_backend()
        model = build_network(frames=frames, dense=dense)
        for layer, tensors in weights.tensors.items():
            model.get_layer(layer).set_weights(tensors)
        full_float32()
        self._call = compiled(lambda x: model(x, training=False), model.variables)
        self._lock = threading.Lock()
        self.batch_size = batch_size

    def __call__(self, patches: np.ndarray) -> np.ndarray:
        """Run patches ``(n, frames, 64)`` through; float32 ``(n, 512 or 128)`` comes out."""
        from keras import ops

        outputs = []
        for begin in range(0, len(patches), self.batch_size):
            batch = patches[begin : begin + self.batch_size]
            fill = self.batch_size - len(batch)
            full = np.pad(batch, ((0, fill), (0, 0), (0, 0)))[..., None]
            with self._lock:
                outputs.append(ops.convert_to_numpy(self._call(full))[: len(batch)])
        return np.concatenate(outputs)


class Soccer:
    """The SoccerNet audio features: 512 numbers from each half-second.

    Parameters
    ----------
    source
        As for `action_spotting.audio.vggish_weights.load`.
    batch_size
        Half-seconds that go through the network at once.
    """

    dims = 512

    def __init__(self, source: str, *, batch_size: int = 64) -> None:
        weights = vggish_weights.load(source, dense=False)
        self.origin: dict[str, Any] = {"variant": "soccer", "weights": weights.origin}
        self._network = Network(weights, frames=FRAMES, dense=False, batch_size=batch_size)

    def rows(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Turn blocks of half-seconds ``(n, 8000)`` into blocks of rows ``(n, 512)``.

        Parameters
        ----------
        blocks
            Blocks of half-seconds, samples in [-1, 1], ``(n, 8000)``.

        Yields
        ------
        float32 array ``(n, 512)``
            One row a half-second.
        """
        for block in blocks:
            yield self._network(log_mel(block, FRAMES))


class Standard:
    """Google's embedding: 128 numbers from the 0.96 s around the middle of each half-second.

    Parameters
    ----------
    source
        As for `Soccer`.
    pca
        File of the post-processing; None: found or downloaded.
    batch_size
        Windows that go through the network at once.
    """

    dims = 128

    def __init__(self, source: str, *, pca: Path | None = None, batch_size: int = 64) -> None:
        path = pca or pretrained.find(vggish_weights.PCA)
        self._vectors, self._means = vggish_weights.read_pca(path)
        weights = vggish_weights.load(source, dense=True)
        self.origin: dict[str, Any] = {
            "variant": "standard",
            "weights": weights.origin,
            "pca": {"file": path.name, "sha256": sha256(path)},
        }
        self._network = Network(weights, frames=STANDARD_FRAMES, dense=True, batch_size=batch_size)

    def rows(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Turn blocks of half-seconds ``(n, 8000)`` into blocks of rows ``(n, 128)``, 0…255.

        Parameters
        ----------
        blocks
            Blocks of half-seconds in order, samples in [-1, 1], ``(n, 8000)``.

        Yields
        ------
        float32 array ``(n, 128)``
            Whole numbers in [0, 255]; one row a half-second.
        """
        for windows in around(blocks, STANDARD_SAMPLES):
            yield self.postprocess(self.embed(windows))

    def embed(self, windows: np.ndarray) -> np.ndarray:
        """Compute the embedding of windows of 0.975 s, before the post-processing.

        These are 96 windows of 25 ms every 10 ms, which Google calls 0.96 s.

        Parameters
        ----------
        windows
            Samples in [-1, 1], ``(n, 15600)``.

        Returns
        -------
        float32 array ``(n, 128)``
            Output of ``fc2``.
        """
        return self._network(log_mel(windows, STANDARD_FRAMES))

    def postprocess(self, embeddings: np.ndarray) -> np.ndarray:
        """Whiten with Google's PCA, clip to ±2, and quantise to 8 bits.

        Parameters
        ----------
        embeddings
            Output of `embed`, ``(n, 128)``.

        Returns
        -------
        float32 array ``(n, 128)``
            Whole numbers in [0, 255].
        """
        low, high = QUANTISED
        whitened = np.clip((embeddings - self._means) @ self._vectors.T, low, high)
        return np.floor((whitened - low) * (255 / (high - low))).astype(np.float32)
