"""One stream for several consumers: order, bounds, and what happens when one of them fails."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from action_spotting.errors import InputError
from action_spotting.extraction.fan_out import share


@given(count=st.integers(0, 30), consumers=st.integers(1, 4), depth=st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_every_consumer_gets_every_item_in_order(count, consumers, depth):
    assert (
        share(iter(range(count)), [list] * consumers, depth=depth)
        == [list(range(count))] * consumers
    )


def test_the_fastest_runs_ahead_only_so_far():
    made: list[int] = []
    seen: list[int] = []

    def items():
        for i in range(20):
            made.append(i)
            yield i

    def slow(stream):
        while len(made) < 4:
            time.sleep(0.01)
        time.sleep(0.3)
        seen.append(len(made))
        return sum(stream)

    assert share(items(), [sum, slow], depth=3) == [190, 190]
    assert seen == [4]  # three wait for the slow one, one is in hand


def test_what_the_source_raises_reaches_all_and_the_caller():
    met = []

    def items():
        yield 1
        raise InputError("broken")

    def consumer(stream):
        try:
            return list(stream)
        except InputError as error:
            met.append(str(error))
            raise

    with pytest.raises(InputError, match="broken"):
        share(items(), [consumer, consumer])
    assert met == ["broken", "broken"]


@pytest.mark.parametrize("at", [0, 5, 99])
def test_a_consumer_that_fails_ends_the_others(at):
    left = []

    def failing(stream):
        for i in stream:
            if i == at:
                raise InputError("no space")

    def other(stream):
        try:
            return sum(stream)
        except InputError:
            left.append("left")
            raise

    threads = threading.active_count()
    with pytest.raises(InputError, match="no space"):
        share(range(100), [other, failing], depth=2)
    assert left == ["left"] or at == 99
    assert threading.active_count() == threads


def test_a_consumer_that_has_enough_is_not_waited_for():
    began = time.monotonic()
    assert share(range(1000), [next, sum], depth=2) == [0, 499500]
    assert time.monotonic() - began < 20  # a fifth of a second an item, if it were
