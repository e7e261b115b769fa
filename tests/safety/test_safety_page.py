"""`docs/safety.md` names tests that exist."""

import re
from pathlib import Path

CLONE = Path(__file__).parents[2]


def test_every_test_that_the_page_names_is_there():
    page = (CLONE / "docs" / "safety.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+/test_\w+\.py)`", page))
    assert len(named) > 20
    assert [name for name in sorted(named) if not (CLONE / "tests" / name).is_file()] == []
