"""Counts are 1 or more."""

from __future__ import annotations

import pytest

from fusekit.errors import OptionError
from fusekit_fusions.sizes import positive


def test_nothing_and_less_are_refused_by_name() -> None:
    positive("head.width", 1)
    for value in (0, -3):
        with pytest.raises(OptionError, match=rf"head\.width takes 1 or more, not {value}"):
            positive("head.width", value)
