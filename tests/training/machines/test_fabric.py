"""Which devices are opened, and that they repeat themselves."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from fusekit.errors import OptionError
from fusekit.training import repeatable
from fusekit.training.machines.fabric import fabric_for


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("gpu", "--device takes auto, cpu"),
        ("cuda:x", "--device takes auto, cpu"),
        ("cuda:99", "this machine has .* cuda devices"),
    ],
)
def test_unknown_devices_are_refused(device: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        fabric_for(device, "32-true")


@pytest.mark.parametrize(
    ("device", "message"),
    [("cuda:0", "takes --device cuda or cpu"), ("cuda", "this machine has"), ("mps", "mps")],
)
def test_several_devices_are_of_a_kind_and_there(device: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(OptionError, match=message):
        fabric_for(device, "32-true", devices=2)


def test_a_machine_with_slurm_is_not_told_to_use_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    srun = tmp_path / "srun"
    srun.write_text("#!/bin/sh\n")
    srun.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("srun")
    fabric_for("cpu", "32-true")  # a warning would be an error here


def test_mixed_precision_is_not_announced(capfd: pytest.CaptureFixture[str]) -> None:
    """Every fold of every arm opens a device."""
    assert fabric_for("cpu", "bf16-mixed").strategy.precision.precision == "bf16-mixed"
    assert capfd.readouterr() == ("", "")


def test_settings_of_repeatability_hold_inside_and_are_put_back() -> None:
    def settings() -> tuple[bool, ...]:
        cudnn, memory = torch.backends.cudnn, cast(Any, torch.utils.deterministic)
        return torch.are_deterministic_algorithms_enabled(), cudnn.benchmark, memory.fill_uninitialized_memory

    def fail() -> None:
        with repeatable():
            assert settings() == (True, False, False)
            assert torch.is_deterministic_algorithms_warn_only_enabled()
            raise ZeroDivisionError

    torch.backends.cudnn.benchmark = True  # as a notebook may have it
    before = settings()
    try:
        with pytest.raises(ZeroDivisionError):
            fail()
        assert settings() == before
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"]
    finally:
        torch.backends.cudnn.benchmark = False
