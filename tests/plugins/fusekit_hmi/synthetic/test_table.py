import numpy as np
import pandas as pd
import pytest

from fusekit.data import Cohort
from fusekit.progress import Quiet
from fusekit_hmi.leaks import reason_to_leave_out
from fusekit_hmi.synthetic.patients import Strengths, draw_patients
from fusekit_hmi.synthetic.table import write_table
from fusekit_hmi.task import HmiTask

COUNT = 3000
Read = tuple[pd.DataFrame, Cohort]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Read:
    folder = tmp_path_factory.mktemp("table")
    people = draw_patients(np.random.default_rng(1), COUNT, Strengths())
    write_table(np.random.default_rng(2), people, folder / "clinical.csv")
    for who in people["id"]:
        (folder / f"{who}.png").touch()
    return people.sort_values("id", ignore_index=True), HmiTask().scan(folder, Quiet())


def test_it_is_read_back_as_it_was_drawn(written: Read) -> None:
    people, cohort = written
    assert cohort.scans["subject"].tolist() == people["id"].tolist()
    assert cohort.scans["label"].tolist() == people["mvi"].tolist()
    names = {c.name for c in cohort.columns if not c.name.endswith(" censored")}
    assert len(names) == 29
    for column, name, unit in (("ALB", "alb", 0.051), ("creatinine", "creatinine", 0.51), ("INR", "inr", 0.0051)):
        apart = np.abs(cohort.clinical[column].to_numpy() - people[name].to_numpy())
        assert np.nanmax(apart) <= unit  # rounding
    assert (cohort.clinical["sex"].to_numpy() == np.where(people["male"] == 1, "Male", "Female")).all()
    amounts = 10 ** cohort.clinical["AFP"].to_numpy() - 1
    beyond = cohort.clinical["AFP censored"].to_numpy()
    drawn = people["afp"].to_numpy()
    assert np.allclose(amounts[beyond == 0], drawn[beyond == 0], atol=0.006, rtol=1e-4)
    assert (drawn[beyond == 1] > 1210).all()
    assert (drawn[beyond == -1] < 0.61).all()
    assert 0.05 < (beyond == 1).mean() < 0.3


def test_gaps_do_not_look_at_invasion(written: Read) -> None:
    people, cohort = written
    for name, share in (
        ("HBV_DNA", 0.12),
        ("CEA", 0.15),
        ("PT", 0.05),
        ("LDH", 0.10),
        ("BMI", 0.04),
        ("glucose", 0.03),
    ):
        missing = cohort.clinical[name].isna().to_numpy()
        assert missing.mean() == pytest.approx(share, abs=0.02)
        invaded = people["mvi"].to_numpy() == 1
        assert missing[invaded].mean() == pytest.approx(missing[~invaded].mean(), abs=0.04)
    gone = cohort.clinical.isna()
    assert (gone["CEA"] == gone["CA19_9"]).all()
    assert (gone["PT"] == gone["INR"]).all()


def test_what_came_afterwards_is_there_and_left_out(written: Read) -> None:
    _, cohort = written
    left = {item for finding in cohort.findings if finding.code == "never-an-input" for item in finding.items}
    assert len(left) == 10
    assert all(reason_to_leave_out(name) for name in left)
    assert [finding.items for finding in cohort.findings if finding.code == "unknown-column"] == [("smoking",)]
