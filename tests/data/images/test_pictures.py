"""Pictures as volumes: pixel by pixel what Pillow opens, shown as any viewer shows it."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from fusekit.data import SlicePolicy, Volume, cut, read, read_picture
from fusekit.errors import DataError

AXIAL = SlicePolicy(plane="axial")


def _grey(dtype: Any = np.uint8, top: int = 256, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, top, (24, 24)).astype(dtype)


def _read(path: Path) -> Volume:
    volume = read_picture(path)
    assert volume is not None
    return volume


def _shown(volume: Volume) -> Any:
    """The values where a viewer shows them: RAS axes run to the right, which is the viewer's left, and to the front."""
    return volume.data[::-1, ::-1, 0].T


@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        ("a.png", _grey()),
        ("a.PNG", _grey(np.uint16, 65536)),
        ("a.bmp", _grey()),
        ("a.tif", _grey()),
        ("a.tiff", _grey(np.uint16, 65536)),
        ("b.tif", _grey(np.int32, 100_000)),
        ("a.png", _grey(bool, 2)),
        ("c.tif", (_grey() / 7 - 3).astype(np.float32)),
    ],
)
def test_grey_pictures_keep_their_values_and_their_way_up(tmp_path: Path, name: str, pixels: Any) -> None:
    Image.fromarray(pixels).save(tmp_path / name)
    volume = _read(tmp_path / name)
    expected = pixels.astype(np.float32) * (255 if pixels.dtype == bool else 1)
    np.testing.assert_array_equal(_shown(volume), expected)
    assert volume.data.shape == (24, 24, 1)
    assert volume.spacing == (1, 1, 1)
    assert any("1 mm" in note for note in volume.notes)
    assert volume.orientation == ""  # a viewer's right is nobody's left


def test_a_picture_that_is_no_square_has_its_columns_along_x(tmp_path: Path) -> None:
    Image.fromarray(_grey()[:10]).save(tmp_path / "a.png")
    assert _read(tmp_path / "a.png").data.shape == (24, 10, 1)


def test_an_axial_slice_is_the_picture_as_viewers_show_it(tmp_path: Path) -> None:
    pixels = _grey()
    pixels[0, 0], pixels[1, 1] = 0, 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    shown, indices = cut(read(tmp_path / "a.png"), SlicePolicy(plane="axial", window=(255, 127.5)), 24)
    np.testing.assert_array_equal(shown[0], pixels)
    assert indices == [0]


def test_a_jpeg_is_what_pillow_opens(tmp_path: Path) -> None:
    Image.fromarray(_grey()).save(tmp_path / "a.jpg", quality=80)
    np.testing.assert_array_equal(_shown(_read(tmp_path / "a.jpg")), np.asarray(Image.open(tmp_path / "a.jpg")))
    Image.fromarray(_grey()).convert("RGB").save(tmp_path / "b.jpeg", quality=80)  # grey, stored in three channels
    rgb = np.asarray(Image.open(tmp_path / "b.jpeg"))
    np.testing.assert_array_equal(_shown(_read(tmp_path / "b.jpeg")), rgb[:, :, 0])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "CMYK"])
def test_equal_channels_are_grey_and_a_constant_alpha_is_dropped(tmp_path: Path, mode: str) -> None:
    suffix = "tif" if mode == "CMYK" else "png"
    picture = Image.fromarray(_grey()).convert("RGB" if mode == "CMYK" else mode).convert(mode)
    picture.save(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(_shown(_read(tmp_path / f"a.{suffix}")), _grey())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_a_cameras_rotation_is_applied(tmp_path: Path, name: str, orientation: int) -> None:
    pixels = np.kron(_grey()[:4, :2], np.ones((8, 8))).astype(np.uint8)
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(pixels).save(tmp_path / name, exif=exif, quality=100)
    mirrored = pixels[:, ::-1]
    expected = {
        1: pixels,
        2: mirrored,
        3: np.rot90(pixels, 2),
        4: pixels[::-1],
        5: pixels.T,
        6: np.rot90(pixels, -1),
        7: np.rot90(pixels, 2).T,
        8: np.rot90(pixels, 1),
    }[orientation]
    np.testing.assert_allclose(_shown(_read(tmp_path / name)), expected, atol=2)


def test_pictures_that_hold_no_values_are_refused(tmp_path: Path) -> None:
    colour = np.stack([_grey()] * 3, axis=2)
    colour[:12, :12, 2] ^= 1
    varied = np.stack([_grey(), _grey(seed=1)], axis=2)
    grey = Image.fromarray(_grey())
    Image.fromarray(colour).save(tmp_path / "colour.png")
    Image.fromarray(varied, "LA").save(tmp_path / "varied.png")
    grey.save(tmp_path / "pages.tif", save_all=True, append_images=[grey])
    grey.save(tmp_path / "film.png", save_all=True, append_images=[Image.fromarray(_grey(seed=1))])
    Image.fromarray(np.full((8, 8), 7, np.uint8)).save(tmp_path / "empty.png")
    Image.fromarray(np.full((8, 8), np.nan, np.float32)).save(tmp_path / "nan.tif")
    (tmp_path / "none.png").write_bytes(b"")
    (tmp_path / "text.png").write_bytes(b"subject,age\n")
    (tmp_path / "cut.png").write_bytes((tmp_path / "colour.png").read_bytes()[:-40])
    for name, message in (
        ("varied.png", "transparency varies from 1 to 255"),
        ("pages.tif", "holds 2 pictures"),
        ("film.png", "holds 2 pictures"),
        ("empty.png", "every voxel is 7; the image is empty"),
        ("nan.tif", "NaN or infinite"),
        ("none.png", "the file is empty"),
        ("text.png", "no PNG, JPEG, TIFF or BMP picture"),
        ("cut.png", "the PNG picture cannot be read"),
        ("gone.png", "cannot be read: No such file"),
    ):
        with pytest.raises(DataError, match=message) as caught:
            read_picture(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


def _bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((9000, 9000), r"the header claims 81,000,000 bytes of pixels, but the file has only \d+"),
        ((10_000, 10_000), r"the header claims 10,000 x 10,000 pixels; more than 89,478,485 are not read"),
        ((100_000, 100_000), "the header claims 100,000 x 100,000 pixels"),
    ],
)
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, size: tuple[int, int], message: str) -> None:
    (tmp_path / "a.png").write_bytes(_bomb(*size))
    with pytest.raises(DataError, match=message):
        read_picture(tmp_path / "a.png")


def test_other_files_are_left_to_others(tmp_path: Path) -> None:
    assert read_picture(tmp_path / "a.nii") is None
    (tmp_path / "a.png").mkdir()
    assert read_picture(tmp_path / "a.png") is None


@pytest.mark.filterwarnings("ignore")  # Pillow warns of damaged metadata
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    suffix=st.sampled_from(["png", "jpg", "tif", "bmp"]),
    edits=st.lists(st.tuples(st.integers(0, 700), st.binary(min_size=1, max_size=4)), max_size=4),
    length=st.integers(0, 900) | st.just(5000),
)
def test_a_damaged_picture_gives_a_volume_or_a_data_error(
    tmp_path: Path, suffix: str, edits: list[tuple[int, bytes]], length: int
) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(_grey()).save(path)
    raw = bytearray(path.read_bytes())
    for place, content in edits:
        raw[place : place + len(content)] = content
    path.write_bytes(raw[:length])
    try:
        volume = _read(path)
    except DataError:
        return
    assert volume.data.shape[2] == 1
    assert np.isfinite(volume.data).all()


@pytest.mark.parametrize(("dtype", "bits"), [(np.uint8, 8), (np.uint16, 16)])
def test_a_tiff_whose_zero_is_white_is_inverted_at_every_depth(tmp_path: Path, dtype: Any, bits: int) -> None:
    pixels = _grey(dtype, 2**bits)
    Image.fromarray(pixels).save(tmp_path / "black.tif")
    data = (tmp_path / "black.tif").read_bytes()
    tag = struct.pack("<HHI", 262, 3, 1)
    assert data.count(tag) == 1
    (tmp_path / "white.tif").write_bytes(data.replace(tag + struct.pack("<H", 1), tag + struct.pack("<H", 0)))
    np.testing.assert_array_equal(_shown(_read(tmp_path / "white.tif")), 2**bits - 1 - pixels.astype(np.float32))
