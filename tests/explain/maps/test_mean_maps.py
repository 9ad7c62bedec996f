"""Means by group and position, and their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from fusekit.bundle.bundle import Bundle
from fusekit.explain.maps.mean_maps import mean_maps, write_mean_maps

ROWS = pd.DataFrame({"subject": list("aabbcd"), "group": [0, 0, 0, 0, 1, 1], "position": [0, 1, 0, 1, 0, 0]})


def test_means_are_of_a_group_and_a_position() -> None:
    draw = np.random.default_rng(0)
    images, maps = draw.integers(0, 255, (6, 8, 8)), draw.random((6, 8, 8))
    table, image, map_ = mean_maps(ROWS, images, maps)
    assert table["slices"].tolist() == [2, 2, 2]
    assert table["subjects"].tolist() == [2, 2, 2]
    np.testing.assert_allclose(image[0], (images[0] + images[2]) / 2)
    np.testing.assert_allclose(map_[2], (maps[4] + maps[5]) / 2)


def test_a_template_adds_its_files(sees_square: Bundle, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    images, maps = draw.integers(0, 255, (6, 8, 8)), draw.random((6, 8, 8))
    write_mean_maps(tmp_path, ROWS, images, maps, ("well", "ill"), sees_square, "mni152")
    table = pd.read_csv(tmp_path / "mean_map.csv")
    assert table["name"].tolist() == ["well", "well", "ill"]
    assert table["likeness"].between(-1, 1).all()
    for name, size in (("mean_map", 8), ("mean_image", 8), ("template_map", 128), ("template_image", 128)):
        assert np.load(tmp_path / f"{name}.npy").shape == (3, size, size)
