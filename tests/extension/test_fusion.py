"""A fusion is checked where it is written down, and costs no torch."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from fusekit import Fusion
from fusekit.errors import OptionError


class GatedSum:
    """A head, given itself where its name belongs."""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"head": GatedSum}, r"head=\.\.\.\) takes the name of a head, not the class GatedSum: .* such as 'gated-sum'"),
        ({"head": None}, "takes the name of a head, not None"),
        ({"head": ""}, "takes the name of a head, not ''"),
        ({"head": GatedSum()}, "takes the name of a head, not <"),
        ({"encoder": GatedSum}, "takes the name of an encoder, not the class GatedSum"),
        ({"encoder": "mlp", "injector": GatedSum}, "takes the name of an injector, not the class GatedSum"),
        ({"image": "no"}, "takes True or False, not 'no'"),
        ({"sites": "blok"}, "takes a kind of sites, not 'blok'. did you mean 'block'"),
        ({"sites": 2}, "known: stage, block, branch"),
        ({"sites": None}, "known: stage, block, branch"),
        ({"stages": 2}, r"takes numbers from 1 on, such as \(2, 3\), not 2"),
        ({"stages": "234"}, "takes numbers from 1 on"),
        ({"stages": (0, 1)}, "takes numbers from 1 on"),
        ({"stages": (True,)}, "takes numbers from 1 on"),
        ({"options": {"encodr": {"width": 3}}}, "has no part 'encodr'; did you mean 'encoder'"),
        ({"options": {"encoder": 3}}, "takes part -> option -> value"),
        ({"options": ["encoder"]}, "takes part -> option -> value"),
        ({"injector": "rbca"}, r"an injector \('rbca'\) needs an image and a clinical encoder"),
        ({"injector": "rbca", "encoder": "mlp", "image": False}, "needs an image and a clinical encoder"),
    ],
)
def test_what_does_not_fit_is_a_sentence(given: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Fusion(**{"head": "concat", **given})


def test_what_fits_is_kept() -> None:
    stages: Any = [2, 3]  # as JSON gives them
    fusion = Fusion(head="concat", encoder="mlp", injector="rbca", sites="branch", stages=stages)
    assert fusion.stages == (2, 3)
    assert fusion == Fusion(head="concat", encoder="mlp", injector="rbca", sites="branch", stages=(2, 3))


def test_writing_one_down_loads_no_torch() -> None:
    code = "import sys; from fusekit import Fusion; Fusion(head='concat'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
