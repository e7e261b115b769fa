"""Streams between threads: order, bounds, errors and leaving early."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from action_spotting.errors import InputError
from action_spotting.io.threads import prefetch, tee


@given(count=st.integers(0, 30), consumers=st.integers(1, 4), depth=st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_every_consumer_gets_every_item_in_order(count, consumers, depth):
    assert (
        tee(iter(range(count)), [list] * consumers, depth=depth) == [list(range(count))] * consumers
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

    assert tee(items(), [sum, slow], depth=3) == [190, 190]
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
        tee(items(), [consumer, consumer])
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
        tee(range(100), [other, failing], depth=2)
    assert left == ["left"] or at == 99
    assert threading.active_count() <= threads


def test_a_consumer_that_has_enough_is_not_waited_for():
    began = time.monotonic()
    assert tee(range(1000), [next, sum], depth=2) == [0, 499500]
    assert time.monotonic() - began < 20  # a fifth of a second an item, if it were


def test_when_all_have_enough_the_source_is_left():
    made = []

    def items():
        for i in range(1000):
            made.append(i)
            yield i

    assert tee(items(), [next, next], depth=2) == [0, 0]
    assert len(made) < 10


def test_it_runs_ahead_but_only_so_far():
    made = []

    def items():
        for i in range(20):
            made.append(i)
            yield i

    taken = prefetch(items(), depth=3)
    assert next(taken) == 0
    time.sleep(0.3)
    assert len(made) <= 1 + 3 + 1  # taken, queued, in hand
    assert list(taken) == list(range(1, 20))


def test_errors_arrive_where_the_items_are_taken():
    def items():
        yield 1
        raise InputError("broken")

    taken = prefetch(items())
    assert next(taken) == 1
    with pytest.raises(InputError, match="broken"):
        next(taken)


def test_leaving_early_ends_the_thread():
    taken = prefetch(iter(range(1000)), depth=1)
    next(taken)
    taken.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_a_stream_may_be_closed_in_its_own_thread():
    """As the garbage collector does, which runs in any thread."""
    taken, closed = threading.Event(), threading.Event()

    def items():
        yield 1
        taken.wait(10)
        stream.close()
        closed.set()
        yield 2

    stream = prefetch(items())
    assert next(stream) == 1
    taken.set()
    assert closed.wait(10)
    assert list(stream) == []
