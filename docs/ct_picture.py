"""Draw the picture of synthetic CT: ``python docs/ct_picture.py``."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from fusekit.data import cut, read
from fusekit.progress import Bars
from fusekit_hmi.synthetic.cohort import write_cohort
from fusekit_hmi.task import HmiTask


def main() -> None:
    """Four patients with masks: two without invasion above, two with it below, two slices each."""
    with TemporaryDirectory() as folder:
        write_cohort(Path(folder), Bars(), subjects=24)
        scans = HmiTask().scan(Path(folder), Bars()).scans
        masked = scans[scans["mask"].notna()]
        rows = []
        for label in (0, 1):
            slices: list[np.ndarray] = []
            for image, mask in masked.loc[masked["label"] == label, ["image", "mask"]].to_numpy()[1:3]:
                pixels, _ = cut(read(image), HmiTask.paper.slices, 192, read(mask))
                slices += [pixels[len(pixels) // 3], pixels[2 * len(pixels) // 3]]
            rows.append(np.hstack([pixels[24:-24] for pixels in slices]))
    Image.fromarray(np.vstack(rows).astype(np.uint8)).save(Path(__file__).parent / "pictures" / "synthetic-ct.png")


if __name__ == "__main__":
    main()
