"""One person under two ids is warned of in every task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fusekit.audit.identity import similar_subjects
from tests.data.test_identity import TWICE

NOISE = np.random.default_rng(0).normal(size=60)


def test_both_spellings_of_each_of_twelve_people_are_listed(case: Callable[..., Any]) -> None:
    names = [text for pair in TWICE for text in pair] + [f"Q{k}" for k in range(36)]
    (found,) = similar_subjects(case({"AGE": NOISE}, subjects=names))
    assert (found.code, found.severity, found.count) == ("similar-subjects", "warning", 12)
    assert "'100' and '100.0'" in found.items
    assert "'P-2' and 'P\u20132' (written 'P\\u20132')" in found.items


def test_other_people_are_not(case: Callable[..., Any]) -> None:
    assert list(similar_subjects(case({"AGE": NOISE}, subjects=[f"{k}-{60 - k}" for k in range(60)]))) == []
