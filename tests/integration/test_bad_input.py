"""Bad input at the command line: a clear message before any training, exit code 2, nothing half-written.

Each test damages one thing in a copy of a synthetic download and runs ``fusekit run adni-ad`` on it.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pytest

from fusekit import Run
from fusekit.data import Cohort
from fusekit.progress import Quiet
from fusekit_adni.task import AdniAdTask
from tests.conftest import CommandLine

pytestmark = pytest.mark.usefixtures("unexplained")

nib: Any = nibabel  # its functions have no types

SMALL = [
    "--backbone",
    "test_resnet",
    "--epochs",
    "1",
    "--image-size",
    "32",
    "--batch-size",
    "8",
    "--folds",
    "1",
    "--out",
    "out/run",
]
MM = ["-o", "slices.space=mm", "-o", "slices.start=-14", "-o", "slices.stop=-8"]


@pytest.fixture
def download(small_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A synthetic download of one's own; the working folder beside it is empty but for it."""
    monkeypatch.chdir(tmp_path)
    # Links are quick; a file is replaced, never written into, so the original stays as it is.
    return Path(shutil.copytree(small_folder, tmp_path / "download", copy_function=os.link)).relative_to(tmp_path)


@pytest.fixture
def command(command_line: CommandLine) -> CommandLine:
    """``fusekit run adni-ad`` on a folder."""
    return lambda folder, *arguments: command_line("run", "adni-ad", "--data", str(folder), *SMALL, *MM, *arguments)


def refused(command: CommandLine, folder: Path, *arguments: str) -> str:
    """The message of a run that must not start."""
    stores = finished_stores()
    code, said = command(folder, *arguments)
    assert code == 2
    assert "epoch" not in said  # before any training
    assert not Path("out").exists()
    assert [path.name for path in Path().iterdir()] == [folder.parts[0]]
    assert finished_stores() == stores
    return said


def finished_stores() -> list[Path]:
    """Slice stores, without those that an error interrupted: they go on when the file is repaired."""
    found = sorted(Path(os.environ["FUSEKIT_CACHE"]).glob("slices/slices-*"))
    return [path for path in found if path.suffix != ".partial"]


def replace(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def used_image(cohort: Cohort, download: Path) -> Path:
    """An image that the cohort uses, in this copy."""
    path = cohort.scans["image"].iloc[0]
    return download.joinpath(*path.parts[path.parts.index("ADNI") :])


def save(path: Path, data: np.ndarray, affine: np.ndarray) -> None:
    path.unlink()
    nib.save(nib.Nifti1Image(data, affine), path)


def table(download: Path, name: str) -> Path:
    return next((download / "Study_Data").glob(f"{name}*.csv"))


def edit(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    text = change(pd.read_csv(path, dtype=str, keep_default_na=False)).to_csv(index=False)
    replace(path, text.encode())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: gzip.compress(raw)[:1000], "truncated or damaged"),
        (lambda raw: b"", "the file is empty"),
        (lambda raw: raw, "not gzip-compressed"),
        (lambda raw: gzip.compress(raw[:400]), "truncated"),
    ],
    ids=["truncated", "empty", "not-gzip", "voxels-cut-off"],
)
def test_damaged_gzip_volumes_are_named(
    download: Path, command: CommandLine, small_cohort: Cohort, damage: Callable[[bytes], bytes], message: str
) -> None:
    path = used_image(small_cohort, download)
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(damage(path.read_bytes()))
    path.unlink()
    said = refused(command, download)
    assert message in said
    assert str(packed) in said


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda data: data[:, :, 40], "is 2-D (93 x 75), a 3-D volume is needed"),
        (lambda data: np.stack([data, data], axis=3), "is 4-D (93 x 75 x 85 x 2), a 3-D volume is needed"),
        (lambda data: np.where(data > 100, data, np.nan), "are NaN or infinite"),
        (lambda data: np.full_like(data, 7), "every voxel is 7; the image is empty"),
    ],
    ids=["2-D", "4-D", "NaN", "constant"],
)
def test_volumes_that_are_none_are_named(
    download: Path,
    command: CommandLine,
    small_cohort: Cohort,
    make: Callable[[np.ndarray], np.ndarray],
    message: str,
) -> None:
    path = used_image(small_cohort, download)
    image = nib.as_closest_canonical(nib.load(path))
    save(path, make(np.asarray(image.dataobj, dtype=np.float32)), image.affine)
    said = refused(command, download)
    assert message in said
    assert str(path) in said


def test_an_identity_affine_is_reported_and_kept_in_the_manifest(
    download: Path, command: CommandLine, small_cohort: Cohort
) -> None:
    path = used_image(small_cohort, download)
    data = np.asarray(nib.as_closest_canonical(nib.load(path)).dataobj)
    save(path, data, np.eye(4))
    said = refused(command, download)  # in mm, such a volume lies elsewhere: no guess is made
    assert f"{path}: coronal slices from -14 to -8 mm in mm space are not all inside" in said
    voxels = ["-o", "slices.space=voxel", "-o", "slices.start=37", "-o", "slices.stop=39"]
    code, said = command(download, *voxels)
    assert code == 0
    assert "note: the affine is the identity" in said
    findings = {found["code"]: found for found in Run(Path("out/run")).manifest["findings"]}
    assert findings["image-note"]["count"] == 1
    assert findings["image-note"]["items"] == [small_cohort.scans.index[0]]


def test_what_is_odd_but_no_reason_to_stop_is_counted_and_recorded(
    download: Path, command: CommandLine, small_cohort: Cohort
) -> None:
    gone, other = small_cohort.scans["subject"].drop_duplicates().iloc[:2]
    shutil.rmtree(download / "ADNI" / gone)  # a subject in the tables without a scan
    rid = str(int(other.rpartition("_")[2]))
    for name in ("UPENNBIOMK_MASTER", "BLENNOWPLASMANFL", "LABDATA", "adni_plasma_qc"):  # and the reverse
        edit(table(download, name), lambda rows: rows[rows["RID"] != rid])
    leaf = next(path for path in (download / "ADNI" / other).rglob("I*") if path.is_dir())
    copy = leaf.with_name("I999999")  # the same visit scanned twice
    copy.mkdir()
    source = next(leaf.glob("*.nii"))
    shutil.copy(source, copy / source.name.replace(leaf.name, "I999999"))

    code, said = command(download)
    assert code == 0, said
    manifest = json.loads(Path("out/run/manifest.json").read_text())
    found = {finding["code"]: finding["items"] for finding in manifest["findings"]}
    assert str(int(gone.rpartition("_")[2])) in found["row-without-scan"]
    assert found["scan-without-biospecimen"] == [other]
    assert any("I999999" in item for item in found["duplicate-scan"])
    for finding in manifest["findings"]:
        assert f"note: {finding['message']} ({finding['count']})" in said


def test_one_subject_with_two_labels_is_refused_by_name(
    download: Path, command: CommandLine, small_cohort: Cohort
) -> None:
    subject = small_cohort.scans.index[small_cohort.scans["label"] == 0][0].partition("_bl")[0]
    rid = str(int(subject.rpartition("_")[2]))

    def contradict(rows: pd.DataFrame) -> pd.DataFrame:
        again = rows[(rows["RID"] == rid) & (rows["VISCODE"] == "bl")].tail(1).assign(DXCURREN="3")
        return pd.concat([rows, again])

    path = table(download, "DXSUM")
    edit(path, contradict)
    said = refused(command, download)
    assert f"{path}: subject {rid} has more than one diagnosis at visit bl" in said
    assert f"line {len(pd.read_csv(path)) + 1}: AD" in said


def test_a_constant_label_is_refused(download: Path, command: CommandLine) -> None:
    edit(table(download, "DXSUM"), lambda rows: rows.assign(DXCURREN="1"))
    edit(table(download, "ADNIMERGE"), lambda rows: rows.assign(DX="CN"))
    said = refused(command, download)
    assert "the label is constant or a class is missing: no subject is 'AD'" in said


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("UPENNBIOMK_MASTER", {"ABETA": "Abeta42"}, "column missing: 'ABETA' (renamed to 'Abeta42'?)"),
        ("ADNIMERGE", {"EXAMDATE": "when"}, "column missing: 'EXAMDATE'"),
        ("BLENNOWPLASMANFL", {"RID": "RIDS"}, "column missing: 'RID' (renamed to 'RIDS'?)"),
    ],
)
def test_renamed_columns_are_named_with_what_they_may_be_called_now(
    download: Path, command: CommandLine, name: str, change: dict[str, str], message: str
) -> None:
    path = table(download, name)
    edit(path, lambda rows: rows.rename(columns=change))
    said = refused(command, download)
    assert f"{path}: {message}" in said


def test_a_value_in_another_unit_is_named(download: Path, command: CommandLine) -> None:
    edit(table(download, "BLENNOWPLASMANFL"), lambda rows: rows.assign(PLASMA_NFL="34000"))
    said = refused(command, download)
    assert "column 'PLASMA_NFL'" in said
    assert "outside 0.5 to 1000 ng/L" in said


def test_tables_as_other_programs_export_them_give_the_same_cohort(download: Path) -> None:
    before = AdniAdTask().scan(download, Quiet())
    forms: list[tuple[str, Any, str]] = [
        ("ADNIMERGE", lambda text: text, "utf-8-sig"),  # a byte-order mark
        ("DXSUM", lambda text: text.replace(",", ";"), "utf-8"),
        ("LABDATA", lambda text: text.replace(",", "\t").replace("\n", "\r\n"), "utf-16"),
        ("APOERES", lambda text: text.replace("ADNI1", "Müller"), "latin-1"),
    ]
    for name, change, encoding in forms:
        path = table(download, name)
        plain = pd.read_csv(path, dtype=str, keep_default_na=False).to_csv(index=False)
        replace(path, change(plain).encode(encoding))
    after = AdniAdTask().scan(download, Quiet())
    pd.testing.assert_frame_equal(after.clinical, before.clinical)
    pd.testing.assert_frame_equal(after.scans, before.scans)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--folds", "20"), "fewer subjects than folds: 20 folds need 20 subjects of every class"),
        (("--fusion", "rcba"), "no fusion is called 'rcba'; did you mean 'rbca'?"),
        (("--backbone", "resnet500"), "no backbone is called 'resnet500'; did you mean"),
        (("--backbone", "hrnet_w18_small"), "the backbone 'hrnet_w18_small' cannot be used"),
        (
            ("--out", "download/README.txt"),
            "download/README.txt is a file, and a folder is written",
        ),
        (("--out", "download/README.txt/run"), "cannot be written: Not a directory"),
        (("--out", "download"), "download exists and is not empty; choose another folder"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    download: Path, command: CommandLine, arguments: tuple[str, ...], message: str
) -> None:
    assert message in refused(command, download, *arguments)


def test_a_folder_without_images_or_tables_says_what_belongs_there(download: Path, command: CommandLine) -> None:
    shutil.rmtree(download / "Study_Data")
    for path in download.glob("*.csv"):
        path.unlink()
    assert "holds images but no tables" in refused(command, download)
    shutil.rmtree(download / "ADNI")
    assert "no images in the layout of a LONI download" in refused(command, download)
