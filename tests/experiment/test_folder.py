"""A run folder as Python sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusekit.errors import DataError
from fusekit.experiment.folder import Run


def test_a_folder_that_is_no_run_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not a finished run: it has no predictions\.csv"):
        _ = Run(tmp_path).predictions
