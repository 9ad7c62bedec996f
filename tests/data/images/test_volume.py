from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
import pytest

from fusekit import builtin
from fusekit.data import Volume, read
from fusekit.errors import DataError, PluginError
from fusekit.extension import Catalog, Plugin, PluginHost, hookimpl
from tests.data.images.written import AFFINE, SHAPE, save, voxels

nibabel: Any = untyped_nibabel


def _host(*answers: Any) -> Catalog:
    """Plugins that are asked in this order, reader0 first; FuseKit's own is called builtin."""
    host = PluginHost()
    for number, answer in reversed(list(enumerate(answers))):

        class Reader:
            @hookimpl
            def read_image(self, path: Path, answer: Any = answer) -> Any:
                return answer(path)

        host.add(Reader(), Plugin(f"reader{number}", "dist", "1", "module"))
    host.add(builtin, Plugin("builtin", "fusekit", "1", "fusekit.builtin"))
    return Catalog(host)


def _refuse(path: Path) -> None:
    raise DataError(f"{path}: truncated.")


def test_the_first_plugin_that_knows_the_file_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = Volume(voxels().astype(np.float32), AFFINE, ("made up",))
    found = _host(lambda path: None, lambda path: volume, lambda path: 1 / 0)
    monkeypatch.setattr("fusekit.data.images.volume.catalog", lambda: found)
    path = tmp_path / "x.raw"
    path.write_bytes(b"x")
    result = read(path)
    assert np.shares_memory(result.data, volume.data)
    assert result.notes == ("made up",)
    assert result.path == path


@pytest.mark.parametrize("name", ["x.nii.gz", "x.png", "x.dcm"])
def test_plugins_are_asked_before_the_bundled_readers(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of files that a bundled reader recognises and cannot read, too."""
    volume = Volume(voxels().astype(np.float32), AFFINE)
    (tmp_path / name).write_bytes(b"no image")
    for answers in ([lambda path: volume], [_refuse, lambda path: volume], [lambda path: None, lambda path: volume]):
        found = _host(*answers)
        monkeypatch.setattr("fusekit.data.images.volume.catalog", lambda found=found: found)
        assert np.shares_memory(read(tmp_path / name).data, volume.data)
    asked: list[Path] = []
    found = _host(asked.append, asked.append)
    monkeypatch.setattr("fusekit.data.images.volume.catalog", lambda: found)
    with pytest.raises(DataError, match=rf"{name}: .*it is a text, which begins with 'no image'"):
        read(tmp_path / name)
    assert asked == [tmp_path / name] * 2


def test_a_plugins_refusal_is_not_overruled_by_the_bundled_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _host(_refuse, lambda path: None)
    monkeypatch.setattr("fusekit.data.images.volume.catalog", lambda: found)
    with pytest.raises(DataError, match=r"a\.nii\.gz: truncated\.$"):
        read(save(tmp_path / "a.nii.gz"))


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (
            lambda path: None,
            DataError,
            r"x\.raw: no plugin reads this kind of image; asked: reader0 \(dist 1\), builtin \(fusekit 1\)",
        ),
        (lambda path: 1 / 0, PluginError, "plugin 'reader0'.*failed in read_image: ZeroDivisionError"),
        (lambda path: "text", PluginError, "plugin 'reader0'.*returned str from read_image"),
    ],
)
def test_a_reader_that_fails_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Any, error: type[Exception], message: str
) -> None:
    found = _host(answer)
    monkeypatch.setattr("fusekit.data.images.volume.catalog", lambda: found)
    (tmp_path / "x.raw").write_bytes(b"x")
    with pytest.raises(error, match=message):
        read(tmp_path / "x.raw")
    with pytest.raises(DataError, match="there is no such image"):
        read(tmp_path / "gone.raw")


@pytest.mark.parametrize("axes", ["", "LPS", "PIR"])
def test_what_a_plugin_reads_is_turned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, axes: str) -> None:
    volume = Volume(voxels().astype(np.float64), np.diag([-1, -1, 1, 1]), orientation=axes)
    monkeypatch.setattr("fusekit.data.images.volume.catalog", lambda: _host(lambda path: volume))
    found = read(save(tmp_path / "x.raw.nii"))
    np.testing.assert_array_equal(found.data, voxels()[::-1, ::-1])
    np.testing.assert_array_equal(found.affine[:, 3], [-(SHAPE[0] - 1), -(SHAPE[1] - 1), 0, 1])
    assert found.data.dtype == np.float32
    assert found.orientation == axes


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"data": np.full(SHAPE, np.nan)}, DataError, "100.00% of the voxels are NaN"),
        ({"data": np.full(SHAPE, 3.0)}, DataError, "every voxel is 3"),
        ({"data": voxels()[0]}, PluginError, r"whose data is int16 \(5, 6\), not numbers \(X, Y, Z\)"),
        ({"data": voxels().tolist()}, PluginError, "whose data is list, not numbers"),
        ({"data": voxels() * 1j}, PluginError, r"whose data is complex128 \(4, 5, 6\)"),
        ({"data": voxels().astype(object)}, PluginError, "whose data is object"),
        ({"data": voxels()[:0]}, PluginError, r"whose data is int16 \(0, 5, 6\)"),
        ({"data": None}, PluginError, "whose data is NoneType"),
        ({"affine": np.eye(3)}, PluginError, r"whose affine is float64 \(3, 3\), not numbers \(4, 4\)"),
        ({"affine": np.eye(4).tolist()}, PluginError, "whose affine is list"),
        ({"affine": np.diag([1, 1, 0, 1])}, DataError, "voxels without volume"),
        ({"orientation": "RAX"}, PluginError, "in the orientation 'RAX', not one like 'RAS'"),
        ({"orientation": None}, PluginError, "in the orientation None"),
        ({"notes": "one"}, PluginError, "with the notes 'one'; a tuple of text is needed"),
    ],
)
def test_a_volume_that_is_none_is_refused_by_plugin_and_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    volume = Volume(**{"data": voxels(), "affine": AFFINE, **changes})
    monkeypatch.setattr("fusekit.data.images.volume.catalog", lambda: _host(lambda path: volume))
    (tmp_path / "x.raw").write_bytes(b"x")
    with pytest.raises(error, match=rf"x\.raw.*{message}"):
        read(tmp_path / "x.raw")


def test_the_installed_plugins_read_nifti(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read(save(tmp_path / "a.nii.gz")).data, voxels())


def test_of_a_folder_that_is_no_series_the_folders_in_it_are_named(tmp_path: Path) -> None:
    for name in ("2 Scout", "3 Portal"):
        (tmp_path / "P1" / name).mkdir(parents=True)
    with pytest.raises(DataError, match=r"P1: .* It holds no DICOM files itself, but the folders 2 Scout, 3 Portal"):
        read(tmp_path / "P1")
    with pytest.raises(DataError, match="Convert it to NIfTI"):
        read(tmp_path / "P1" / "2 Scout")
