"""What synthetic cohorts share, against the formulas that they are documented with."""

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusekit.data import Cohort, Task
from fusekit.data.synthetic import Strengths, skewed, streams, write_cohort, write_scans
from fusekit.errors import OptionError
from fusekit.experiment.setup.gathered import gather
from fusekit.experiment.setup.given import parse_options
from fusekit.experiment.setup.parts import open_task
from fusekit.experiment.setup.plan import make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.progress import Progress, Quiet


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


def test_group_values_are_the_published_ones_or_one_mean() -> None:
    values, shares, group = (1.0, 5.0), (0.75, 0.25), np.array([0, 1, 1])
    assert Strengths(table=1).between(values, shares, group).tolist() == [1, 5, 5]
    assert Strengths(table=0).between(values, shares, group).tolist() == [2, 2, 2]  # 0.75 * 1 + 0.25 * 5
    assert Strengths(table=2).between(values, shares, group).tolist() == [0, 8, 8]


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


class Noted(Task):
    """Writes one folder, and keeps what it was asked for."""

    def __init__(self, error: BaseException | None = None):
        self.error, self.asked = error, list[dict[str, Any]]()

    def scan(self, folder: Path, progress: Progress) -> Cohort:
        raise NotImplementedError

    def synthesize(self, folder: Path, progress: Progress, *, seed: int = 0, subjects: int = 9) -> None:
        (folder / "images").mkdir()
        self.asked.append({"seed": seed, "subjects": subjects})
        if self.error:
            raise self.error


def _everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("there", [True, False])
def test_a_cohort_is_written_into_a_new_or_empty_folder(tmp_path: Path, there: bool) -> None:
    task, out = Noted(), tmp_path / "deep" / "cohort"
    if there:
        out.mkdir(parents=True)
    said = write_cohort(task, "noted", out, "people", seed=3, subjects=12)
    assert said == f"A SYNTHETIC cohort of 12 people lies in {out}. Try: fusekit run noted --data {out}"
    assert _everything(tmp_path) == ["deep", "deep/cohort", "deep/cohort/images"]
    assert task.asked == [{"seed": 3, "subjects": 12}]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    task = Noted()
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OptionError, match="is not empty"):
        write_cohort(task, "noted", tmp_path, "people", subjects=12)
    assert _everything(tmp_path) == ["thesis.txt"]
    assert task.asked == []


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failure_leaves_nothing_behind(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        write_cohort(Noted(error), "noted", tmp_path / "deep" / "cohort", "people", subjects=12)
    assert _everything(tmp_path) == []


ADVISED = [
    ("adni-ad", {"subjects": 24, "era": "2025"}),
    pytest.param("mci-converter", {"subjects": 48}, marks=pytest.mark.slow),
    ("hmi", {"subjects": 24}),
]


@pytest.mark.parametrize(("name", "options"), ADVISED)
def test_the_command_that_is_advised_reads_the_cohort(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    """The slices of the paper do not exist in small volumes."""
    task = open_task(name, {})
    said = write_cohort(task, name, tmp_path / "cohort", "people", seed=1, **options)
    words = shlex.split(said.partition("Try: fusekit run ")[2])
    pairs = list(zip(words[1::2], words[2::2], strict=True))
    given, slices = dict(pairs), parse_options([word for flag, word in pairs if flag == "-o"])
    settings = {"data": given["--data"], "image_size": given["--image-size"], "preset": given["--preset"]}
    plan = make_plan(Settings.of({"task": words[0], **settings, "options": slices}))
    assert plan.slices == task.synthetic.slices
    assert len(gather(plan.config, plan.task, plan.slices, Quiet(), stop=False).rows) > 0
