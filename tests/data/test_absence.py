"""Which scans have an image, and which a table."""

import numpy as np
import pandas as pd

from fusekit.data.absence import available, present_in, united


def test_present_and_available() -> None:
    index = pd.Index(["a", "b", "c", "d"], name="scan")
    scans = pd.DataFrame({"image": ["x.nii", None, "y.nii", None]}, index)
    clinical = pd.DataFrame({"AGE": [70.0, 60.0, np.nan, np.nan], "SEX": [None, "m", None, None]}, index)
    present = present_in(scans, clinical)
    assert present["image"].tolist() == [True, False, True, False]
    assert present["table"].tolist() == [True, True, False, False]
    assert available(present).tolist() == ["image and table", "table alone", "image alone", "nothing"]
    assert present_in(scans, clinical[[]])["table"].tolist() == [False] * 4


def test_united_is_in_order_and_once() -> None:
    assert united(["table"], [], ["image", "table"]) == ("image", "table")
    assert united() == ()
