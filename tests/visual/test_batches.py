"""Frames gathered into batches."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from action_spotting.visual.batches import batches


@given(count=st.integers(0, 20), size=st.integers(1, 7))
def test_batches_are_full_and_lose_nothing(count, size):
    images = [np.full((2, 3), i + 1) for i in range(count)]
    found = list(batches(images, size))
    assert all(len(batch) == size for batch, _ in found)
    kept = [batch[i, 0, 0] for batch, n in found for i in range(n)]
    assert kept == list(range(1, count + 1))
    assert all((batch[n:] == 0).all() for batch, n in found)
