"""What names of games say."""

from __future__ import annotations

import pytest

from action_spotting.dataset.match_names import Heading, heading


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "2016-09-24 - 16-30 Bor. Dortmund 2 - 0 B. 1908",
            ("Bor. Dortmund 2 – 0 B. 1908", "2016-09-24"),
        ),
        ("l/s/2015-02-21 - 18-00 A - B 10 - 11 C", ("A - B 10 – 11 C", "2015-02-21 · l s")),
        ("/data/a/l/s/2015-02-21 - 18-00 A 1 - 0 B/", ("A 1 – 0 B", "2015-02-21 · l s")),
        ("2015-02-21 A 1 - 0 B", ("2015-02-21 A 1 - 0 B", "")),
        ("cup/final", ("cup/final", "")),
        ("", ("", "")),
        ("/", ("/", "")),
        ("..", ("..", "")),
        ("<b>\0\ud800\u2028", ("<b>\0\ud800\u2028", "")),
    ],
)
def test_teams_score_and_date_are_read_where_they_stand(name, expected):
    assert heading(name) == Heading(*expected)
