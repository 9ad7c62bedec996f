"""``auto`` is what a device is made for."""

import pytest
import torch

from fusekit.experiment.setup.settings import Settings
from fusekit.training.machines.fabric import fabric_for
from fusekit.training.machines.precision import resolved


@pytest.mark.parametrize(
    ("able", "expected"), [({"amx_bf16": True}, "bf16-mixed"), ({"avx512_bf16": True}, "bf16-mixed"), ({}, "32-true")]
)
def test_a_processor_that_multiplies_bfloat16(
    able: dict[str, bool], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    assert resolved("auto", "cpu") == expected
    assert Settings.of({"task": "adni-ad", "precision": "auto", "device": "cpu"}).precision == expected
    kept = "MixedPrecision" if expected == "bf16-mixed" else "Precision"
    assert type(fabric_for("cpu", "auto").strategy.precision).__name__ == kept


def test_what_is_named_stays() -> None:
    assert resolved("32-true", "cpu") == "32-true"
    assert resolved("16-mixed", "cpu") == "16-mixed"
