"""Colours that colour-blind people, and grey print, can tell apart."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from fusekit.report.drawing.palette import ARM_COLOURS, arm_styles

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
SIGHT = {
    "usual": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(light: np.ndarray) -> np.ndarray:
    scaled = TO_XYZ @ np.clip(light, 0, 1) / np.array([0.95047, 1, 1.08883])
    f = np.where(scaled > 0.008856, np.cbrt(scaled), 7.787 * scaled + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", SIGHT)
def test_every_two_arms_differ_to_every_eye(sight: str) -> None:
    seen = {colour: lab(SIGHT[sight] @ linear(colour)) for colour in ARM_COLOURS}
    for a, b in combinations(ARM_COLOURS, 2):
        assert np.linalg.norm(seen[a] - seen[b]) > 15, (a, b)  # CIE76; about 2 can just be seen


def test_every_colour_stands_out_from_white_paper() -> None:
    for colour in ARM_COLOURS:
        contrast = 1.05 / (float((TO_XYZ @ linear(colour))[1]) + 0.05)
        assert contrast > 2.2, colour  # yellow has 1.3


def test_arms_keep_their_looks_and_differ_without_colour() -> None:
    names = [f"arm {k}" for k in range(40)]
    styles = arm_styles(names, names)
    assert len(set(styles.values())) == 40
    assert len({style.marker for style in list(styles.values())[:8]}) == 8
    ninth, first = styles["arm 8"], styles["arm 0"]
    assert ninth.colour == first.colour
    assert ninth.marker != first.marker
    assert len({(style.line, style.marker) for style in styles.values()}) == 40
    for few in (1, 4, 9):
        assert list(arm_styles(names[:few], names[:few]).values()) == list(styles.values())[:few]
    assert arm_styles(["arm 5", "new"], names[:8]) == {"arm 5": styles["arm 5"], "new": styles["arm 8"]}
