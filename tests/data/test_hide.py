"""Hidden images and tables: whole subjects, drawn by a seed, none of whom loses both."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusekit.data import Classes
from fusekit.data.cohort import Cohort, Column
from fusekit.data.hide import AbsenceOptions
from fusekit.errors import DataError, OptionError


def cohort_of(subjects: int = 200) -> Cohort:
    """Two scans of every subject."""
    names = [f"s{number:03}" for number in range(subjects)]
    index = pd.Index([f"{name}_{visit}" for name in names for visit in (1, 2)], name="scan", dtype=object)
    images = [Path(f"{scan}.nii") for scan in index]
    scans = pd.DataFrame({"subject": np.repeat(names, 2), "image": images, "label": 0, "mask": images}, index)
    scans.loc[scans["subject"] < "s100", "label"] = 1
    clinical = pd.DataFrame({"AGE": np.arange(2.0 * subjects), "SEX": ["m", "f"] * subjects}, index)
    return Cohort(scans, clinical, (Column("AGE"), Column("SEX", "category")), Classes(("CN", "AD")))


def test_whole_subjects_are_hidden_and_none_loses_both() -> None:
    cohort = cohort_of()
    hidden = AbsenceOptions(hide_image=0.3, hide_table=0.5).apply(cohort)
    present = hidden.present
    of_subject = present.groupby(hidden.scans["subject"])
    assert of_subject.nunique().eq(1).all().all()
    assert (present["image"] | present["table"]).all()
    shares = 1 - of_subject.first().mean()
    assert abs(shares["image"] - 0.3) < 0.1
    assert abs(shares["table"] - 0.5) < 0.1
    gone = ~present["image"]
    assert hidden.scans.loc[gone, ["image", "mask"]].isna().all().all()
    kept = cohort.scans.loc[present["image"], "image"]
    assert hidden.scans.loc[present["image"], "image"].tolist() == kept.tolist()
    pd.testing.assert_frame_equal(hidden.clinical[present["table"]], cohort.clinical[present["table"]])
    assert hidden.clinical["AGE"].dtype == float
    assert hidden.absent == ("image", "table")
    found = {finding.code: set(finding.items) for finding in hidden.findings}
    assert found["hidden-image"] == set(hidden.scans.loc[gone, "subject"])
    assert found["hidden-table"] == set(hidden.scans.loc[~present["table"], "subject"])
    assert cohort.scans["image"].notna().all()


def test_the_seed_decides_and_a_subject_keeps_what_it_has_alone() -> None:
    cohort = cohort_of()
    one, again, other = (AbsenceOptions(hide_image=0.5, seed=seed).apply(cohort) for seed in (0, 0, 1))
    assert one.present.equals(again.present)
    assert not one.present.equals(other.present)
    both = AbsenceOptions(hide_table=1.0).apply(one)
    assert (both.present["image"] ^ both.present["table"]).all()
    assert AbsenceOptions().apply(cohort) is cohort


def test_kept_rows_are_checked() -> None:
    hidden = AbsenceOptions(hide_image=0.5).apply(cohort_of())
    hidden.check()
    with pytest.raises(DataError, match="scans lack an image"):
        replace(hidden, absent=()).check()
    nothing = replace(hidden, clinical=hidden.clinical.assign(AGE=np.nan, SEX=None))
    with pytest.raises(DataError, match="neither image nor table"):
        nothing.check()


def test_shares_are_at_most_all() -> None:
    with pytest.raises(OptionError, match=r"together at most 1, not 0\.7 and 0\.4"):
        AbsenceOptions(hide_image=0.7, hide_table=0.4)
    assert AbsenceOptions(rows_without_table="keep").absent == ("table",)
