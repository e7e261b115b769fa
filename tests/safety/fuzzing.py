"""Damaged files for a reader: sound ones with edits that break readers, and what comes of them."""

from __future__ import annotations

import random
import re
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field

from action_spotting.errors import SpottingError
from tests.safety.fuzz_readers import Target

SECONDS = 2.0
"""That a case may take."""

ROUND = 5_000
"""Cases of one search of hypothesis, which remembers them all."""

Edit = tuple[int, float, int, int]
"""Kind, place as a share of the length, size, choice."""

KINDS = 10
SIZES = (1, 2, 4, 8, 50, 1000, 100_000)
INTEGERS = [0, 1, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1]
TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|\'[^\']*\'|[-+.\w]+|[^\s\w]')
COMMON = [b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\n", b"A" * 1000]
COMMON += [n.to_bytes(size, "little") for n in INTEGERS for size in (4, 8) if n < 256**size]


def mutate(seed: bytes, edits: Sequence[Edit], words: Sequence[bytes]) -> bytes:
    """Apply edits to a sound file."""
    data = bytearray(seed)
    for kind, share, size, choice in edits:
        at = int(share * len(data))
        word = words[choice % len(words)]
        if kind == 0 and data:
            data[min(at, len(data) - 1)] ^= 1 << choice % 8
        elif kind == 1:
            data[at : at + 1] = bytes([choice % 256])
        elif kind == 2:
            del data[at : at + size]
        elif kind == 3:
            del data[at:]
        elif kind == 4:
            data[at:at] = data[at : at + size]
        elif kind == 5:
            data[at:at] = word
        elif kind == 6:
            data[at : at + len(word)] = word
        elif tokens := list(TOKEN.finditer(data[:20_000])):
            first, last = tokens[choice // 7 % len(tokens)], tokens[int(share * len(tokens))]
            span = slice(first.start(), max(first.end(), last.end() if kind == 9 else 0))
            data[span] = word if kind < 9 else bytes(data[span]) * 2
    return bytes(data)


def drawn_edits(rng: random.Random) -> list[Edit]:
    """Draw edits."""
    count = rng.choice((1, 1, 2, 3, 6))
    return [
        (rng.randrange(KINDS), rng.random(), rng.choice(SIZES), rng.randrange(2**20))
        for _ in range(count)
    ]


@dataclass
class Tally:
    """What became of the cases of one reader."""

    cases: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    growth_mib: float = 0.0
    findings: dict[str, bytes] = field(default_factory=dict)

    def run(self, target: Target, data: bytes) -> None:
        """Feed one case."""
        began = time.thread_time()
        try:
            target.read(data)
        except SpottingError:
            self.refused += 1
        except Exception as error:  # noqa: BLE001 - to find any is what this is for
            place = traceback.extract_tb(error.__traceback__)[-1]
            self.findings.setdefault(f"{type(error).__name__} at {place.name}: {error}"[:150], data)
        self.cases += 1
        took = time.thread_time() - began
        self.slowest_s = max(self.slowest_s, took)
        if took > SECONDS:
            self.findings.setdefault("too slow", data)


def by_mutation(target: Target, cases: int, seed: int) -> Tally:
    """Feed seeded random edits."""
    tally, rng = Tally(), random.Random(seed)
    words = [*COMMON, *target.words]
    for i in range(cases):
        sound = target.seeds[i % len(target.seeds)]
        tally.run(target, mutate(sound, drawn_edits(rng), words))
    return tally


def by_hypothesis(target: Target, cases: int, seed: int) -> Tally:
    """Feed edits that hypothesis draws."""
    import hypothesis
    from hypothesis import strategies as st

    tally, words = Tally(), [*COMMON, *target.words]
    edit = st.tuples(
        st.integers(0, KINDS - 1),
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(SIZES),
        st.integers(0, 2**20),
    )

    def feed(sound: bytes, edits: list[Edit]) -> None:
        tally.run(target, mutate(sound, edits, words))

    inputs = (st.sampled_from(target.seeds), st.lists(edit, min_size=1, max_size=8))
    for first in range(0, cases, ROUND):
        settings = hypothesis.settings(
            max_examples=min(ROUND, cases - first),
            database=None,
            deadline=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        search = hypothesis.given(*inputs)(feed)
        hypothesis.seed(seed + first)(settings(search))()
    return tally
