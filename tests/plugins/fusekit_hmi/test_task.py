"""The cohort row by row, from trees of 40 patients and more in each layout, with what goes wrong in real ones."""

import json
from math import log10
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusekit.data import Cohort, cut, read
from fusekit.errors import DataError
from fusekit.progress import Quiet
from fusekit.testing import check_task
from fusekit_hmi.task import HmiTask
from tests.conftest import CommandLine
from tests.plugins.fusekit_hmi.conftest import write_nifti, write_picture, write_series


def _scan(folder: Path, task: HmiTask | None = None) -> Cohort:
    cohort = (task or HmiTask()).scan(folder, Quiet())
    cohort.check()
    return cohort


def _found(cohort: Cohort) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for finding in cohort.findings:
        found[finding.code] = found.get(finding.code, ()) + finding.items
    return found


#: Patient number n of every layout: invasion, age, AFP as written.
def _mvi(n: int) -> int:
    return int(n % 3 == 0)


def _age(n: int) -> float:
    return 40 + n / 2


def _afp(n: int) -> str:
    return "<0,61" if n % 7 == 0 else ">1210" if n % 11 == 0 else str(10 * n)


AMOUNTS = {n: 0.61 if n % 7 == 0 else 1210.0 if n % 11 == 0 else 10.0 * n for n in range(1, 60)}
BEYOND = {n: -1.0 if n % 7 == 0 else 1.0 if n % 11 == 0 else 0.0 for n in range(1, 60)}


def _table(path: Path, numbers: list[int], **columns: dict[int, str]) -> None:
    """A German-style table: semicolons and decimal commas."""
    lines = [";".join(["patient_id", "mvi", "age", "AFP (ng/mL)", "recurrence", *columns])]
    for n in numbers:
        age = f"{_age(n):.1f}".replace(".", ",")
        cells = [f"P{n:02}", "M1" if _mvi(n) else "M0", age, _afp(n), "1", *(c.get(n, "") for c in columns.values())]
        lines.append(";".join(cells))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _assert_is(cohort: Cohort, images: dict[str, tuple[int, Path]], masks: dict[str, Path] | None = None) -> None:
    """Compare with scan -> (number of the patient, image), and scan -> mask."""
    expected = pd.DataFrame(
        [(f"P{n:02}", image, _mvi(n), (masks or {}).get(scan)) for scan, (n, image) in sorted(images.items())],
        columns=["subject", "image", "label", "mask"],
        index=pd.Index(sorted(images), name="scan"),
    )
    got = cohort.scans if masks else cohort.scans.assign(mask=None)
    assert got[["subject", "image", "label", "mask"]].to_dict("index") == expected.to_dict("index")
    numbers = [images[scan][0] for scan in sorted(images)]
    assert list(cohort.clinical) == ["age", "AFP", "AFP censored"]
    assert cohort.clinical["age"].tolist() == [_age(n) for n in numbers]
    assert cohort.clinical["AFP"].tolist() == pytest.approx([log10(1 + AMOUNTS[n]) for n in numbers], abs=1e-6)
    assert cohort.clinical["AFP censored"].tolist() == [BEYOND[n] for n in numbers]


@pytest.fixture(scope="module")
def dicom_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """44 patients in the table, most of them with a folder of their own."""
    root = tmp_path_factory.mktemp("dicom")
    ct = root / "ct"
    for n in (n for n in range(1, 45) if n not in (3, 4, 5, 7, 9, 12)):
        write_series(ct / f"P{n:02}" / "series2", f"X{n}", seed=n, slices=2)
    write_series(ct / "P03" / "study" / "deep" / "series", "P03", slices=2)
    write_series(ct / "p04_baseline", "X4", slices=2, name="IM{:04}")  # no suffix, lower case, words around
    write_series(ct / "anonymous", "P05", slices=2)  # only the header tells
    # 7: nothing
    write_series(ct / "P09" / "arterial", "X9", "ARTERIAL", slices=2)
    write_series(ct / "P09" / "venous", "X9", "PORTAL venous", slices=2)
    write_series(ct / "P12" / "all", "X12", "ARTERIAL", slices=2, name="a{}.dcm")
    write_series(ct / "P12" / "all", "X12", "portal", slices=2, name="b{}.dcm")
    write_series(ct / "P10" / "series1", "X10", "scout", slices=1, image_type="LOCALIZER")
    write_series(ct / "P11" / "series9", "X11", "report", slices=1, modality="SR")
    for file in (ct / "P13" / "series2").iterdir():
        file.unlink()
    write_series(ct / "P13" / "series2", "P14", slices=2)  # the header names another patient of the table
    for file in (ct / "P15" / "series2").iterdir():
        file.unlink()
    write_series(ct / "P15" / "series2", "X15", "ARTERIAL", slices=2)
    write_series(ct / "P99", "X99", slices=2)  # nobody's
    write_series(ct / "phase 1", "X98", slices=2)
    for n in (16, 17):
        write_nifti(root / "masks" / f"P{n}.nii.gz", mask=True)
    _table(root / "clinical.csv", list(range(1, 45)))
    text = (root / "clinical.csv").read_text().splitlines()
    text[8] = text[8].replace(";M0;", ";;")  # P08: no label
    (root / "clinical.csv").write_text("\n".join([*text[:21], ";" * 4, *text[21:], text[20]]) + "\n")  # P20 twice
    return root


def test_dicom_series(dicom_tree: Path) -> None:
    before = sorted(dicom_tree.rglob("*"))
    cohort = _scan(dicom_tree, HmiTask(series="portal"))
    ct = dicom_tree / "ct"
    images = {f"P{n:02}": (n, ct / f"P{n:02}" / "series2") for n in range(1, 45) if n not in (7, 8, 15)}
    images["P03"] = (3, ct / "P03" / "study" / "deep" / "series")
    images["P04"] = (4, ct / "p04_baseline")
    images["P05"] = (5, ct / "anonymous")
    images["P09"] = (9, ct / "P09" / "venous")
    images["P12"] = (12, ct / "P12" / "all" / "b0.dcm")
    masks = {f"P{n}": dicom_tree / "masks" / f"P{n}.nii.gz" for n in (16, 17)}
    _assert_is(cohort, images, masks)
    found = _found(cohort)
    assert found.pop("never-an-input") == ("recurrence",)
    assert found.pop("label-left-out") == ("P08 (line 9)",)
    assert found.pop("repeated-row") == ("line 47",)
    assert found.pop("row-without-image") == ("P07 (line 8)",)
    assert sorted(found.pop("image-without-row")) == ["ct/P08/series2", "ct/P99", "ct/phase 1"]
    assert found.pop("id-contradicted") == ("ct/P13/series2: PatientID P14",)
    assert found.pop("other-series") == ("P15: ct/P15/series2 [ARTERIAL]",)
    assert found.pop("unused-series") == ("ct/P09/arterial [ARTERIAL]", "ct/P12/all/a0.dcm [ARTERIAL]")
    dropped = {f.code: (f.dropped, f.count, f.along) for f in cohort.findings if f.dropped}
    assert dropped == {
        "label-left-out": ("subjects", 1, None),  # whose image is one that belongs to no row
        "row-without-image": ("subjects", 1, 0),
        "image-without-row": ("scans", 3, None),
        "other-series": ("subjects", 1, 1),
        "unused-series": ("scans", 2, 0),
    }
    assert cohort.found == (41 + 3 + 1 + 2, 44)
    assert [Path(item.partition(":")[0]).parent.parent.name for item in found.pop("localiser")] == ["P10"]
    assert [Path(item.partition(":")[0]).parent.parent.name for item in found.pop("other-modality")] == ["P11"]
    assert len(found.pop("scan-without-mask")) == 39
    assert found == {}
    assert set(cohort.groups) == {"age", "scanner", "series"}
    assert set(cohort.scans["scanner"]) == {"ACME One"}
    assert sorted(dicom_tree.rglob("*")) == before


def test_several_series_without_a_choice_are_listed(dicom_tree: Path) -> None:
    with pytest.raises(
        DataError, match=r"2 subjects have several volumes: P09 \(line 10\): .*\[ARTERIAL\].*P12.*task\.ser"
    ):
        _scan(dicom_tree)


def test_nifti_volumes_with_masks(tmp_path: Path) -> None:
    images, masks = {}, {}
    for n in range(1, 43):
        if n == 6:
            continue
        place = [f"P{n:02}.nii.gz", f"vol/ct_P{n:02}.nii", f"P{n:02}/portal.nii.gz"][n % 3]
        write_nifti(tmp_path / place, n)
        images[f"P{n:02}"] = (n, tmp_path / place)
        if n % 2:
            drawn = [f"P{n:02}_mask.nii.gz", f"masks/P{n:02}.nii.gz", f"P{n:02}/tumour-seg.nii"][n % 3]
            write_nifti(tmp_path / drawn, n, mask=True)
            masks[f"P{n:02}"] = tmp_path / drawn
    write_nifti(tmp_path / "P01_liver_mask.nii.gz", mask=True)
    (tmp_path / "vol" / "P02").mkdir()  # an empty folder
    masks["P01"] = (tmp_path / "masks" / "P01.nii.gz").rename(tmp_path / "masks" / "P01_tumour.nii.gz")
    _table(tmp_path / "t.csv", list(range(1, 43)))
    cohort = _scan(tmp_path)
    _assert_is(cohort, images, masks)
    found = _found(cohort)
    assert found["row-without-image"] == ("P06 (line 7)",)
    assert found["mask-without-row"] == ("P01_liver_mask.nii.gz",)
    assert found["scan-without-mask"] == tuple(f"P{n:02}" for n in range(2, 43, 2) if n != 6)
    assert set(found) == {"row-without-image", "mask-without-row", "never-an-input", "scan-without-mask"}


def test_images_and_masks_named_by_the_table(tmp_path: Path) -> None:
    """Names say nothing: only the table tells."""
    order = np.random.default_rng(3).permutation(41)
    names, drawn, images, masks = {}, {}, {}, {}
    for n in range(1, 42):
        names[n] = f"a/{order[n - 1]}.nii"
        write_nifti(tmp_path / names[n], n)
        images[f"P{n:02}"] = (n, tmp_path / names[n])
        if n % 4 == 0:
            drawn[n] = f"b\\{n}.nii"
            write_nifti(tmp_path / "b" / f"{n}.nii", n, mask=True)
            masks[f"P{n:02}"] = tmp_path / "b" / f"{n}.nii"
    write_nifti(tmp_path / "a" / "rest.nii")
    _table(tmp_path / "t.csv", list(range(1, 42)), image=names, mask=drawn)
    cohort = _scan(tmp_path)
    _assert_is(cohort, images, masks)
    assert set(_found(cohort)["image-without-row"]) >= {"a/rest.nii"}


def test_pictures(tmp_path: Path) -> None:
    """Two or three a patient, in folders or called after the patient."""
    images = {}
    for n in range(1, 43):
        for k in range(2 + n % 2):
            path = tmp_path / (f"png/P{n:02}/slice_{k}.png" if n % 4 else f"flat/P{n:02}_{k}.png")
            write_picture(path, 10 * n + k)
            images[f"P{n:02}:{path.relative_to(tmp_path).as_posix()}"] = (n, path)
    write_picture(tmp_path / "png" / "P01" / "slice_0_mask.png")
    _table(tmp_path / "t.csv", list(range(1, 43)))
    cohort = _scan(tmp_path)
    _assert_is(cohort, images)
    assert _found(cohort)["picture-of-mask"] == ("png/P01/slice_0_mask.png",)
    (units,) = [finding for finding in cohort.findings if finding.code == "picture-units"]
    assert (units.severity, units.count) == ("warning", len(images))
    assert "slices.window=255,127.5" in units.advice


def test_a_row_an_image(tmp_path: Path) -> None:
    lines = ["patient,mvi,age,image"]
    for n in range(1, 41):
        for k in range(2):
            write_picture(tmp_path / f"{n}x{k}.png", 2 * n + k)
            lines.append(f"{n},{_mvi(n)},{_age(n)},{n}x{k}.png")
    (tmp_path / "t.csv").write_text("\n".join([*lines, "7,0,50,"]) + "\n")
    cohort = _scan(tmp_path)
    assert len(cohort.scans) == 80
    second = cohort.scans.to_dict("index")["7:7x1.png"]
    assert (second["subject"], second["image"], second["label"]) == ("7", tmp_path / "7x1.png", 0)
    assert cohort.clinical["age"].to_dict() == {f"{n}:{n}x{k}.png": _age(n) for n in range(1, 41) for k in range(2)}
    assert _found(cohort)["row-without-image"] == ("7 (line 82)",)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (("../x.png", "b.png"), r"t\.csv, line 2, column 'image': '\.\./x\.png' leads out"),
        (("a.png", "lost.png"), r"column 'image': 1 rows have no image: 'lost\.png' \(line 3\)"),
        (("a.png", "./a.png"), r"lines 2, 3 share the image a\.png"),
        (("a.png", "x/../a.png"), r"line 3, column 'image': 'x/\.\./a\.png' leads out"),
        (("a.png", "empty"), r"line 3, column 'image': the folder empty holds no DICOM"),
        (("a.png", "two"), r"line 3, column 'image': two holds 2 series: .*ARTERIAL.*PORTAL.*task\.series"),
    ],
)
def test_paths_that_cannot_be_right(tmp_path: Path, cells: tuple[str, str], message: str) -> None:
    for name in ("a.png", "b.png"):
        write_picture(tmp_path / name)
    (tmp_path / "empty").mkdir()
    write_series(tmp_path / "two", "P", "ARTERIAL", name="a{}.dcm", slices=2)
    write_series(tmp_path / "two", "P", "PORTAL", name="b{}.dcm", slices=2)
    (tmp_path / "t.csv").write_text(f"id,mvi,age,image\nP1,0,50,{cells[0]}\nP2,1,51,{cells[1]}\n")
    with pytest.raises(DataError, match=message):
        _scan(tmp_path)


def test_images_of_two_patients_and_of_none(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,mvi,age\n1,0,50\n2,1,51\n")
    write_nifti(tmp_path / "ct_1_2.nii")
    with pytest.raises(DataError, match=r"1 images could be of several subjects of t\.csv: ct_1_2\.nii: 1 or 2"):
        _scan(tmp_path)
    (tmp_path / "ct_1_2.nii").rename(tmp_path / "ct_001.nii")
    with pytest.raises(DataError, match=r"no image belongs to a row.*leading zeros"):
        _scan(tmp_path)


@pytest.fixture
def cohort(synthetic: Path) -> Cohort:
    return _scan(synthetic)


def test_the_synthetic_cohort_is_read_as_pydicom_reads_it(cohort: Cohort) -> None:
    import pydicom

    for image in cohort.scans["image"]:
        files = [pydicom.dcmread(path) for path in (image if image.is_dir() else image.parent).iterdir()]
        axial = [file for file in files if "LOCALIZER" not in file.ImageType]
        axial.sort(key=lambda file: float(file.ImagePositionPatient[2]))
        expected = np.stack([f.pixel_array * float(f.RescaleSlope) + float(f.RescaleIntercept) for f in axial])
        np.testing.assert_array_equal(read(image).data, expected.transpose(2, 1, 0)[::-1, ::-1])


def test_slices_of_the_largest_tumour_area(cohort: Cohort) -> None:
    import nibabel

    masked = cohort.scans[cohort.scans["mask"].notna()]
    assert 0 < len(masked) < len(cohort.scans)
    policy = HmiTask.paper.slices
    for image, path in zip(masked["image"], masked["mask"], strict=True):
        loaded: Any = nibabel.load(path)
        drawn = loaded.get_fdata()
        areas = [float(drawn[:, :, k].sum()) for k in range(drawn.shape[2])]
        best = sorted(sorted(range(len(areas)), key=lambda k: (-areas[k], k))[:10])
        volume = read(image)
        slices, indices = cut(volume, policy, 128, read(path))
        assert indices == [k for k in best if areas[k] > 0]
        windowed = (np.clip(volume.data[:, :, indices[0]], -160, 240) + 160) / 400 * 255
        np.testing.assert_allclose(slices[0], windowed.T[::-1, ::-1], atol=0.13)  # float16 at 255


def test_check_task(tmp_path: Path) -> None:
    cohort = check_task(HmiTask(), tmp_path, subjects=6, seed=1)
    assert len(cohort.columns) == 31
    assert cohort.classes == ("MVI-", "MVI+")
    assert all(HmiTask().reason_to_leave_out(column.name) is None for column in cohort.columns)
    assert HmiTask().reason_to_leave_out("MVI grade") is not None


TINY = ("--backbone", "test_resnet", "--epochs", "1", "--image-size", "32", "--folds", "2", "--explain", "none")


def test_it_runs_from_the_command_line(synthetic: Path, tmp_path: Path, command_line: CommandLine) -> None:
    out = tmp_path / "run"
    code, said = command_line("run", "hmi", "--data", str(synthetic), "--fusion", "concat", *TINY, "--out", str(out))
    assert code == 0, said
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    decided = {"mask": "choose"}  # not all have a mask
    assert manifest["slices"] == HmiTask.paper.slices.as_json() | {"window": [400.0, 40.0]} | decided
    assert {"never-an-input", "unknown-column"} <= {finding["code"] for finding in manifest["findings"]}
    code, said = command_line(
        "run", "hmi", "--fusion", "clinical-only", *TINY, "-o", "synthetic.subjects=6", "--out", str(tmp_path / "x")
    )
    assert code == 0, said
    assert "SYNTHETIC" in said
