"""Which class is explained, and by which number."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fusekit.data import Classes, Number
from fusekit.data.target.classes import log_odds
from fusekit.errors import OptionError
from fusekit.explain.target import class_number, explained


def test_log_odds_of_any_class_by_hand() -> None:
    logits = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    p = logits.softmax(dim=1).numpy()
    for target in range(3):
        expected = np.log(p[:, target] / (1 - p[:, target]))
        np.testing.assert_allclose(log_odds(logits, target), expected)
    each = torch.tensor([0, 2, 1, 1, 0])
    own = p[np.arange(5), each.numpy()]
    np.testing.assert_allclose(log_odds(logits, each), np.log(own / (1 - own)))


def test_log_odds_of_two_classes_are_the_difference_to_the_last_bit() -> None:
    logits = torch.randn(7, 2)
    assert torch.equal(log_odds(logits), logits[:, 1] - logits[:, 0])


def test_the_positive_of_two_the_called_of_more_or_the_one_asked_for() -> None:
    assert explained(np.array([[0.9, 0.1], [0.2, 0.8]]), Classes(("no", "yes"))).tolist() == [1, 1]
    three = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    assert explained(three, Classes(("a", "b", "c"))).tolist() == [0, 2]
    assert explained(three, Classes(("a", "b", "c")), asked=1).tolist() == [1, 1]
    assert explained(np.array([[27.0], [12.0]]), Number("mmse")).tolist() == [0, 0]


def test_an_unknown_class_is_refused_with_the_nearest() -> None:
    target = Classes(("CN", "MCI", "AD"))
    assert class_number("AD", target) == 2
    with pytest.raises(OptionError, match="--class MCL: this model has no such class; did you mean 'MCI'"):
        class_number("MCL", target)
    with pytest.raises(OptionError, match=r"--class AD: this model predicts a number\. Leave --class out"):
        class_number("AD", Number("mmse"))
