"""The launchers by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusekit.errors import OptionError
from fusekit.experiment.compare import slurm
from fusekit.experiment.compare.launcher import Local, launcher_for


def test_local_trains_one_at_a_time_unless_asked(tmp_path: Path) -> None:
    assert launcher_for("local", None, {}, tmp_path) == Local(1)
    assert launcher_for("local", 3, {}, tmp_path) == Local(3)


def test_slurm_takes_its_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm, "refuse_absent", lambda: None)
    made = launcher_for("slurm", 8, {"partition": "gpu", "time": "90", "extra": "reservation=a,exclude=n7"}, tmp_path)
    assert isinstance(made, slurm.Slurm)
    assert made.jobs == 8
    assert made.options == slurm.SlurmOptions(partition="gpu", time=90, extra=("reservation=a", "exclude=n7"))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("slrum", {}, "no launcher 'slrum'; did you mean 'slurm'"),
        ("slurm", {"partitoin": "gpu"}, "slurm has no option 'partitoin'; did you mean 'partition'"),
        ("slurm", {"time": "two hours"}, r"slurm\.time takes a whole number, not 'two hours'"),
        ("slurm", {"cpus": "0"}, r"slurm\.cpus takes 1 or more, not 0"),
        ("slurm", {"gpus": "4"}, r"slurm\.gpus takes 0 or 1, not 4"),
        ("slurm", {"extra": "exclusive"}, r"slurm\.extra takes name=value,name=value, not 'exclusive'"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, options: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=message):
        launcher_for(name, None, options, tmp_path)
