"""The two eras of a synthetic download hold the same people."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusekit.data import Cohort
from fusekit.progress import Quiet
from fusekit_adni.converter_task import MciConverterTask
from fusekit_adni.synthetic import download
from fusekit_adni.task import AdniAdTask, AdniTask


def _touch(scan: download._Scan) -> None:
    scan.path.parent.mkdir(parents=True)
    scan.path.touch()


def _cohort(task: AdniTask, folder: Path, **options: Any) -> Cohort:
    folder.mkdir()
    task.synthesize(folder, Quiet(), seed=5, subjects=120, **options)
    cohort = task.scan(folder, Quiet())
    cohort.check()
    return cohort


@pytest.mark.parametrize("task", [AdniAdTask(), MciConverterTask()])
def test_the_eras_agree_on_everything_that_both_say(
    task: AdniTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_write_scan", _touch)
    earlier, today = _cohort(task, tmp_path / "2024"), _cohort(task, tmp_path / "2025", era="2025")
    about = ["subject", "visit", "label"]
    first, second = (cohort.scans[about].reset_index(drop=True) for cohort in (earlier, today))
    pd.testing.assert_frame_equal(first, second)
    old, new = (cohort.clinical.set_axis(range(len(cohort.clinical))) for cohort in (earlier, today))
    for column in ("PTGENDER", "PTEDUCAT", "APOE4"):
        pd.testing.assert_series_equal(old[column], new[column], check_dtype=False)
    apart = (old["AGE"] - new["AGE"]).abs()
    assert 0 < apart.mean() < apart.max() <= 0.51  # half a year around the middle of the year of birth, and rounding
    pd.testing.assert_series_equal(old["PLASMA_NFL"], new["NfL_Q"], check_names=False)
    # Both assays of one sample, 2.9 times apart, as far as neither is beyond its range.
    within = (old["TAU censored"] == 0) & (new["TAU censored"] == 0)
    assert within.sum() > 10
    np.testing.assert_allclose(new["TAU"][within] / 2.9, old["TAU"][within], atol=0.055)


def test_today_has_todays_names_and_no_adnimerge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_write_scan", _touch)
    cohort = _cohort(AdniAdTask(), tmp_path / "2025", era="2025")
    assert sorted(path.name for path in tmp_path.rglob("*.csv")) == [
        *(f"All_Subjects_{name}_07Sep2025.csv" for name in ("APOERES", "DXSUM", "Key_MRI", "LABDATA", "PTDEMOG")),
        "All_Subjects_UPENNBIOMK_ROCHE_ELECSYS_07Sep2025.csv",
        "All_Subjects_UPENN_PLASMA_FUJIREBIO_QUANTERIX_07Sep2025.csv",
        "adni_plasma_qc_multiplex_11Nov2010.csv",
    ]
    assert set(cohort.scans["phase"]) == {"ADNI3"}
    assert set(cohort.scans["field_strength"]) == {"3 Tesla MRI"}
    named = {path.parts[-4] for path in cohort.scans["image"]}
    assert named <= {"Accelerated_Sagittal_MPRAGE", "Accelerated_Sagittal_MPRAGE_ND", "Accelerated_Sag_IR-FSPGR"}
    header = (tmp_path / "2025/Tables_07Sep2025/All_Subjects_DXSUM_07Sep2025.csv").read_text(encoding="utf-8")
    assert header.startswith('"PHASE","PTID","RID","VISCODE","VISCODE2","EXAMDATE",')
    assert set(cohort.scans["site"]) <= {str(200 + number) for number in range(138)}  # SITEID, not PTID's digits
