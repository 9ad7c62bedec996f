"""``fusekit evaluate`` as a person uses it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fusekit import Run
from fusekit.cli.bundle.evaluate import _sides
from tests.conftest import CommandLine


def test_everything_is_shown_and_nothing_is_applied(small_run: Run, tmp_path: Path, command_line: CommandLine) -> None:
    out = tmp_path / "other"
    code, said = command_line(
        "evaluate", str(small_run.folder), "-o", "synthetic.seed=1", "-o", "synthetic.subjects=16",
        "--allow", "out-of-range", "--out", str(out),
    )  # fmt: skip
    assert code == 0
    assert "adni-ad · rbca on another cohort · SYNTHETIC" in said
    external = Run(out)
    of_subjects = external.metrics[external.metrics["level"] == "subject"].to_dict("records")
    accuracy = next(row for row in of_subjects if row["metric"] == "accuracy")
    cell = f"{accuracy['value']:.2f} [{accuracy['low']:.2f}, {accuracy['high']:.2f}]"
    assert re.search(rf"accuracy │ [^│]* │ {re.escape(cell)} │", said)
    assert external.manifest["external"]["summary"][0] in said
    shift = pd.read_csv(out / "shift.csv").set_index("column")["difference"]
    assert f"{shift.iloc[int(shift.abs().argmax())]:+.2f}" in said
    calibration = pd.read_csv(out / "recalibration.csv").iloc[0]
    assert f"AD: {calibration['observed']:.0%} of the subjects here, {calibration['predicted']:.0%} predicted" in said
    assert "Shown, not applied" in said
    assert not (out / "recalibration.json").exists()


@pytest.mark.parametrize("name", ["lobular; left", "a 0.5; b", "b", "grade 2", "two\nlines"])
def test_shares_of_a_category_are_found_whatever_it_is_called(name: str) -> None:
    shares = {"b": 0.125, name: 0.25, "other; b": 0.625}
    text = "; ".join(f"{category} {share:.3f}" for category, share in shares.items())  # as shift.csv has them
    row: dict[Any, Any] = {
        "kind": "category",
        "category": name,
        "training_shares": text,
        "shares": f"{name} 0.700; x 0.300",
    }
    assert _sides(row) == (f"{shares[name]:.0%} {name}", f"70% {name}")


def test_a_refusal_names_the_way_out_and_writes_nothing(
    small_run: Run, tmp_path: Path, command_line: CommandLine
) -> None:
    code, said = command_line("evaluate", str(small_run.folder), "--out", str(tmp_path / "other"))
    assert code == 2
    assert "this is the cohort that the model was trained on" in said
    assert "--allow training-cohort" in said
    code, said = command_line("evaluate", str(tmp_path), "--out", str(tmp_path / "other"))
    assert code == 2
    assert "is not a bundle" in said
    assert list(tmp_path.iterdir()) == []
