"""What messages share."""

from __future__ import annotations

from fusekit.errors import first_ten


def test_ten_are_listed_and_the_others_counted() -> None:
    assert first_ten(range(3)) == "0, 1, 2"
    assert first_ten(range(12)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"
