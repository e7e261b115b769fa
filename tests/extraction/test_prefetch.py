"""Work ahead: order, bounds, errors and leaving early."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from action_spotting.errors import InputError
from action_spotting.extraction.prefetch import ahead, batches


def test_it_runs_ahead_but_only_so_far():
    made = []

    def items():
        for i in range(20):
            made.append(i)
            yield i

    taken = ahead(items(), depth=3)
    assert next(taken) == 0
    time.sleep(0.3)
    assert len(made) <= 1 + 3 + 1  # taken, queued, in hand
    assert list(taken) == list(range(1, 20))


def test_errors_arrive_where_the_items_are_taken():
    def items():
        yield 1
        raise InputError("broken")

    taken = ahead(items())
    assert next(taken) == 1
    with pytest.raises(InputError, match="broken"):
        next(taken)


def test_leaving_early_ends_the_thread():
    taken = ahead(iter(range(1000)), depth=1)
    next(taken)
    taken.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]


@given(count=st.integers(0, 20), size=st.integers(1, 7))
def test_batches_are_full_and_lose_nothing(count, size):
    images = [np.full((2, 3), i + 1) for i in range(count)]
    found = list(batches(images, size))
    assert all(len(batch) == size for batch, _ in found)
    kept = [batch[i, 0, 0] for batch, n in found for i in range(n)]
    assert kept == list(range(1, count + 1))
    assert all((batch[n:] == 0).all() for batch, n in found)
