"""A cohort that shows itself."""

from __future__ import annotations

from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fusekit
from fusekit.data import Cohort
from fusekit.errors import UnknownName
from fusekit.experiment.look import look
from fusekit.progress import Quiet
from fusekit.testing import write_cohort
from tests.conftest import SMALL_OPTIONS
from tests.experiment.people import write_numbers


def test_a_synthetic_cohort_is_the_tasks_own_and_says_so(small_cohort: Cohort) -> None:
    read = fusekit.cohort("adni-ad", options=SMALL_OPTIONS, progress=Quiet())
    pd.testing.assert_frame_equal(read.scans, small_cohort.scans)
    pd.testing.assert_frame_equal(read.clinical, small_cohort.clinical)
    of_class = small_cohort.subjects.value_counts()
    said = f"Cohort(adni-ad: 24 subjects ({of_class[0]} CN, {of_class[1]} AD), {len(small_cohort.scans)} scans, "
    assert repr(read).startswith(f"{said}{len(small_cohort.columns)} columns")
    assert repr(read).endswith("SYNTHETIC)")
    html = read._repr_html_()
    assert "SYNTHETIC cohort" in html
    assert all(finding.code in html and escape(finding.message, quote=False) in html for finding in read.findings)


def test_own_data_show_counts_images_and_table_one(tmp_path: Path) -> None:
    read = fusekit.cohort(str(write_cohort(tmp_path)), image_size=32, progress=Quiet())
    assert repr(read) == "Cohort(own: 20 subjects (10 no, 10 yes), 20 scans, 2 columns, 1 finding)"
    assert "images of each scan: image; scans without an image: 0, without a table: 0" in read._repr_html_()
    assert "SYNTHETIC" not in read._repr_html_()
    assert read.table_one().T["subjects"].tolist() == ["20", "10", "10", "", ""]
    shown, drawn = read.show(4, slices=1, progress=Quiet()), look(read.config.task, count=4, slices=1, image_size=32)
    assert shown.picture.png == drawn.picture.png
    np.testing.assert_array_equal(shown.strips[0].images, drawn.strips[0].images)


def test_numbers_have_thirds_and_a_wrong_name_its_nearest(tmp_path: Path) -> None:
    read = fusekit.cohort(str(write_numbers(tmp_path)), progress=Quiet())
    assert repr(read).startswith("Cohort(numbers: 39 subjects (39 with score), 39 scans")
    assert len(read.table_one().columns) == 5  # all, three thirds, missing
    with pytest.raises(UnknownName, match="did you mean 'adni-ad'"):
        fusekit.cohort("adni-da")
