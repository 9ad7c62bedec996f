"""Draw the picture of augmentation from SYNTHETIC slices: ``python docs/augment_picture.py``."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from fusekit.data import cut, grey_tensor, read
from fusekit.extension import catalog
from fusekit.progress import Bars
from fusekit.training.feed.augment import Augment, AugmentOptions

#: As in ``docs/how-to/train-faster.md``.
OPTIONS = AugmentOptions(flip=0.5, rotate=10, shift=0.05, scale=0.1, intensity=0.1, noise=0.05)


def main() -> None:
    """Six subjects' slices unchanged, above, and as two epochs see them, below."""
    task = catalog().tasks.get("adni-ad")()
    with TemporaryDirectory() as folder:
        task.synthesize(Path(folder), Bars(), subjects=12)
        scans = task.scan(Path(folder), Bars()).scans["image"].iloc[:12:2]
        slices = [cut(read(path), task.synthetic.slices, 128)[0][:1] for path in scans]
    grey = grey_tensor(np.concatenate(slices))
    varied = Augment(OPTIONS, seed=0)
    rows = [grey.float(), *(varied(grey, epoch, 0) for epoch in (1, 2))]
    picture = torch.cat([torch.cat(list(row[:, 0]), dim=1) for row in rows])
    Image.fromarray(picture.round().byte().numpy()).save(Path(__file__).parent / "pictures" / "augmented.png")


if __name__ == "__main__":
    main()
