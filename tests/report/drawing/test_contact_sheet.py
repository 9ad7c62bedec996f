"""A contact sheet: what is drawn of which scan, and how large."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from fusekit.data.images.channels import ONE
from fusekit.report.drawing.contact_sheet import Strip, contact_sheet


def strip(name: str, count: int) -> Strip:
    images = np.full((count, 1, 16, 16), 128, dtype=np.uint8)
    return Strip(name, f"{name}-scan", "ill", list(range(count)), images)


def test_every_slice_is_in_its_table_and_scans_of_few_slices_are_side_by_side() -> None:
    few = contact_sheet([strip("a", 2), strip("b", 1), strip("c", 2)], ONE, caption="Slices.", synthetic=False)
    assert few.table[["subject", "slice"]].to_numpy().tolist() == [["a", 0], ["a", 1], ["b", 0], ["c", 0], ["c", 1]]
    assert few.alt == "Slices of 3 scans of 3 subjects."
    many = contact_sheet([strip("a", 6), strip("a", 6), strip("c", 6)], ONE, caption="Slices.", synthetic=True)
    assert many.alt == "SYNTHETIC data. Slices of 3 scans of 2 subjects."
    heights = [Image.open(BytesIO(one.png)).height for one in (few, many)]
    assert heights[1] > 2 * heights[0]  # three rows in place of one
