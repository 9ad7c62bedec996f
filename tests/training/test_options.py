"""Numbers that no training can take are refused."""

from __future__ import annotations

from typing import Any

import pytest

from fusekit.errors import OptionError
from fusekit.training import TrainingOptions


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"accumulate": 0}, r"training\.accumulate takes 1 batch or more, not 0"),
        ({"ema": 1.0}, r"training\.ema takes a decay from 0 \(none\) to below 1, e\.g\. 0\.99, not 1"),
        ({"ema": -0.5}, r"training\.ema"),
        ({"clip": -1.0}, r"training\.clip takes 0 or more, not -1"),
        ({"clip": float("nan")}, r"training\.clip"),
        ({"warmup": -1.0}, r"training\.warmup"),
        ({"workers": -1}, r"training\.workers"),
        ({"weight_decay": -0.1}, r"training\.weight_decay"),
        ({"lr_backbone": 0.0}, r"training\.lr_backbone takes a share above 0, not 0"),
        ({"layer_decay": 0.0}, r"training\.layer_decay takes a share above 0 and at most 1, not 0"),
        ({"layer_decay": 1.5}, r"training\.layer_decay"),
    ],
)
def test_numbers_out_of_range_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        TrainingOptions(**given)
