"""What synthetic cohorts share, against the formulas that they are documented with."""

from pathlib import Path

import numpy as np
import pytest

from fusekit.data.synthetic import Strengths, skewed, streams, write_scans
from fusekit.errors import OptionError
from fusekit.progress import Quiet


class Bounded(Strengths):
    most = 2


def test_strengths_have_limits() -> None:
    assert Strengths(table=50).table == 50
    for wrong, message in (
        ({"image": -1.0}, "image_effect takes a number 0 or more, not -1"),
        ({"table": 2.5}, "table_effect takes a number from 0 to 2, not 2.5"),
        ({"interaction": float("nan")}, "interaction takes a number 0 or more"),
    ):
        with pytest.raises(OptionError, match=message):
            Bounded(**wrong)


def test_shifts_are_the_documented_distances() -> None:
    main, pattern = Strengths(1.0, 1.0, 0.5).shifts(np.array([1, -1, 1, -1]), np.array([True, True, False, False]))
    assert main[0] - main[1] == pytest.approx(0.7)
    assert pattern.tolist() == pytest.approx([0.3, -0.3, -0.3, 0.3])  # 1.2 apart at 1, with the other sign elsewhere


def test_skewed_values_have_the_mean_and_deviation_asked_for() -> None:
    values = skewed(np.random.default_rng(0), np.full(200_000, 46.0), np.full(200_000, 30.0))
    assert values.min() > 0
    assert (values.mean(), values.std()) == pytest.approx((46, 30), rel=0.02)


def test_streams_follow_the_seed_and_not_each_other() -> None:
    first, again, other = streams(1), streams(1), streams(2)
    numbers = [rng.random() for streams in (first, again, other) for rng in streams[:2]]
    assert numbers[:2] == numbers[2:4]
    assert len(set(numbers)) == 4


def test_every_job_is_written_and_its_error_raised(tmp_path: Path) -> None:
    write_scans(lambda name: (tmp_path / name).touch(), [f"{n}" for n in range(40)], Quiet(), "scans")
    assert len(list(tmp_path.iterdir())) == 40
    with pytest.raises(ZeroDivisionError):
        write_scans(lambda number: divmod(1, number) and None, [1, 0], Quiet(), "scans")


def test_the_readme_says_what_lies_there(tmp_path: Path) -> None:
    Strengths(0.5).write_readme(tmp_path, "It imitates.", 7, "3 patients")
    text = (tmp_path / "README.txt").read_text("utf-8")
    assert text.startswith("SYNTHETIC COHORT: nobody in this folder is real.\n\nIt imitates.\n\nseed 7, 3 patients\n")
    assert "image effect 0.5, table effect 1, interaction 1" in text
