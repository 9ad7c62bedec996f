import numpy as np
import pytest

from fusekit_hmi.synthetic.abdomen import PIXEL, SIZE, THICKNESS, Scan, make_scan


@pytest.fixture(scope="module")
def scans() -> list[Scan]:
    """Tumours of 6 cm."""
    return [make_scan(np.random.default_rng(seed), 6.0, 0.0, 0.0) for seed in range(8)]


def test_a_scan_is_a_ct_of_the_body(scans: list[Scan]) -> None:
    assert {scan.hounsfield.shape[1:] for scan in scans} == {(SIZE, SIZE)}
    assert all(24 <= len(scan.hounsfield) <= 40 for scan in scans)
    assert len({len(scan.hounsfield) for scan in scans}) > 2
    for scan in scans:
        assert scan.hounsfield.dtype == np.int16
        assert np.median(scan.hounsfield[:, :5, :5]) == pytest.approx(-1000, abs=5)  # air around
        assert np.percentile(scan.hounsfield, 99.8) > 200  # bone


def test_hounsfield_units_are_those_of_real_crops(scans: list[Scan]) -> None:
    """Published: liver median 119, 83 to 152 from the 5th to the 95th percentile; tumour 69, 34 to 110."""
    tumours = np.concatenate([scan.hounsfield[scan.tumour] for scan in scans])
    assert np.percentile(tumours, [5, 50, 95]) == pytest.approx([34, 69, 110], abs=7)
    # The liver lies around the tumour: what is within 12 mm of it, without fat, lung and vessels.
    from scipy.ndimage import binary_dilation

    around = [
        scan.hounsfield[binary_dilation(scan.tumour, iterations=4) & ~binary_dilation(scan.tumour, iterations=1)]
        for scan in scans
    ]
    liver = np.concatenate(around)
    liver = liver[(liver > 40) & (liver < 200)]
    assert np.percentile(liver, [5, 50, 95]) == pytest.approx([83, 119, 152], abs=9)


@pytest.mark.parametrize("diameter", [0.8, 2.0, 4.3, 7.9])
def test_the_tumour_is_as_large_as_the_table_says(diameter: float) -> None:
    """By its volume: that of a ball of this diameter, but for the raggedness and the voxels."""
    voxel = PIXEL * PIXEL * THICKNESS / 1000  # ml
    seen = []
    for seed in range(4):
        scan = make_scan(np.random.default_rng(seed), diameter, 0.0, 0.0)
        assert scan.tumour.any()
        seen.append((6 / np.pi * scan.tumour.sum() * voxel) ** (1 / 3))
    assert np.median(seen) == pytest.approx(diameter, rel=0.12, abs=0.15)


def test_the_sign_of_the_margin_makes_it_ragged() -> None:
    """Surface over volume, of the same tumour."""

    def ragged(sign: float) -> float:
        scan = make_scan(np.random.default_rng(7), 8.0, sign, 0.0)
        faces = sum(int((np.diff(scan.tumour.astype(np.int8), axis=axis) != 0).sum()) for axis in (1, 2))
        return float(faces / float(scan.tumour.sum()) ** (2 / 3))

    assert ragged(-1.5) < ragged(0.0) < ragged(2.5)


def test_the_sign_of_satellites_makes_more_dark_spots_in_the_liver() -> None:
    def dark(sign: float) -> float:
        """Share of voxels with the tumour's values outside of it, over some patients."""
        scans = [make_scan(np.random.default_rng(seed), 4.0, 0.0, sign) for seed in range(6)]
        shares = [((s.hounsfield > 30) & (s.hounsfield < 90) & ~s.tumour).mean() for s in scans]
        return float(np.mean(shares))

    assert dark(4.0) > dark(-9.0)  # five on average, and none


def test_the_same_seed_gives_the_same_scan() -> None:
    first, second = (make_scan(np.random.default_rng(3), 3.0, 1.0, 1.0) for _ in range(2))
    assert (first.hounsfield == second.hounsfield).all()
    assert (first.tumour == second.tumour).all()
