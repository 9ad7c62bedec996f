"""Several images of each row: found one by one, all of them needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusekit.data import Cohort
from fusekit.data.own.task import OwnTask
from fusekit.errors import DataError
from fusekit.progress import Quiet
from tests.integration.test_own_data import series

TOML = """
table = "t.csv"
images = {images}
subject = "id"
label = "ill"
classes = ["no", "yes"]
columns = ["age"]
{more}
"""
BOTH = '{ t1 = "scans/{id}_t1.nii", flair = {column = "flair"} }'


def make(folder: Path, images: str = BOTH, more: str = "") -> Path:
    """Four people with two images each, whose content nothing looks at."""
    (folder / "scans").mkdir(parents=True)
    lines = ["id,flair,ill,age"]
    for number in range(4):
        for name in ("t1", "flair"):
            (folder / "scans" / f"p{number}_{name}.nii").write_bytes(b"")
        lines.append(f"p{number},scans/p{number}_flair.nii,{('no', 'yes')[number % 2]},{50 + number}")
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    (folder / "own.toml").write_text(TOML.format(images=images, more=more))
    return folder / "own.toml"


def scan(toml: Path) -> Cohort:
    cohort = OwnTask(toml).scan(toml.parent, Quiet())
    cohort.check()
    return cohort


def codes(cohort: Cohort) -> list[str]:
    return [finding.code for finding in cohort.findings]


def test_each_image_has_a_column_of_its_own_in_the_order_of_the_toml(tmp_path: Path) -> None:
    cohort = scan(make(tmp_path / "a"))
    assert cohort.images == ("t1", "flair")
    assert [path.name for path in cohort.scans["image"]] == [f"p{k}_t1.nii" for k in range(4)]
    assert [path.name for path in cohort.scans["image:flair"]] == [f"p{k}_flair.nii" for k in range(4)]
    assert "image-without-row" not in codes(cohort)  # what lies beside an image is the other one
    turned = scan(make(tmp_path / "b", '{ flair = {column = "flair"}, t1 = "scans/{id}_t1.nii" }'))
    assert turned.images == ("flair", "t1")
    assert [path.name for path in turned.scans["image:t1"]] == [f"p{k}_t1.nii" for k in range(4)]


def test_one_named_image_is_as_one_without_a_name(tmp_path: Path) -> None:
    cohort = scan(make(tmp_path / "a", '{ t1 = "scans/{id}_t1.nii" }'))
    assert cohort.images == ("t1",)
    assert [column for column in map(str, cohort.scans) if "image" in column] == ["image"]


@pytest.mark.parametrize("name", ["t1", "flair"])
def test_a_row_that_lacks_one_image_is_refused_by_name_or_left_out(tmp_path: Path, name: str) -> None:
    toml = make(tmp_path / "a")
    (toml.parent / "scans" / f"p2_{name}.nii").unlink()
    with pytest.raises(DataError, match=rf"1 rows have no image: {name}.*p2.*Correct them, or set rows_without_image"):
        scan(toml)
    toml.write_text(TOML.format(images=BOTH, more='rows_without_image = "leave out"'))
    cohort = scan(toml)
    assert list(cohort.scans["subject"]) == ["p0", "p1", "p3"]
    (finding,) = [finding for finding in cohort.findings if finding.code == "row-without-image"]
    assert finding.items == ("p2 (line 4)",)


def test_one_file_is_not_two_images(tmp_path: Path) -> None:
    toml = make(tmp_path / "a")
    table = (toml.parent / "t.csv").read_text()
    (toml.parent / "t.csv").write_text(table.replace("scans/p2_flair.nii", "scans/p1_t1.nii"))
    with pytest.raises(DataError, match=r"scans/p1_t1\.nii is t1 of line 3 and flair of line 4\. Each image needs"):
        scan(toml)
    (toml.parent / "t.csv").write_text(table.replace("scans/p2_flair.nii", "scans/p1_flair.nii"))
    with pytest.raises(DataError, match=r"lines 3, 4 share the image scans/p1_flair\.nii"):
        scan(toml)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ('{ t1 = "a_{id}.nii", mask = "b_{id}.nii" }', r"line 3: images does not fit: .*not 'mask'"),
        ('{ "t 1" = "a_{id}.nii" }', r"images does not fit: a scan's images are called 't 1'"),
        ('{ t1 = "a_{id}.nii", flair = 3 }', r"images\.flair takes text in quotes, not 3"),
        ('{ t1 = "a_{id}.nii", flair = "same.nii" }', r"images\.flair 'same\.nii' names one file for all rows"),
        (
            '{ t1 = "a_{id}.nii", flair = {colum = "x"} }',
            r"images\.flair\.colum is no entry here; did you mean 'column'",
        ),
        ('{ t1 = "a_{id}.nii", flair = {column = "flare"} }', r"column missing: 'flare'"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, images: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        scan(make(tmp_path / "a", images))


def test_a_cohort_names_images_that_its_scans_do_not_have(tmp_path: Path) -> None:
    from dataclasses import replace

    cohort = scan(make(tmp_path / "a"))
    with pytest.raises(DataError, match="no column 'image:dwi', the paths of dwi"):
        replace(cohort, images=("t1", "dwi")).check()
    gap = cohort.scans.assign(**{"image:flair": [None, *cohort.scans["image:flair"][1:]]})
    with pytest.raises(DataError, match="1 scans lack an image: p0"):
        replace(cohort, scans=gap).check()
    same = cohort.scans.assign(**{"image:flair": cohort.scans["image"]})
    with pytest.raises(DataError, match=r"scans share an image, or have one twice: .*p0_t1\.nii"):
        replace(cohort, scans=same).check()


def test_series_of_one_folder_are_told_apart_by_their_descriptions(tmp_path: Path) -> None:
    import numpy as np
    import pydicom

    folder = tmp_path / "a"
    lines = ["id,ill,age"]
    for number in range(2):
        for name in ("T1 MPRAGE", "T2 FLAIR"):
            path = folder / f"p{number}" / name.replace(" ", "_")
            series(path, np.random.default_rng(number).integers(0, 900, (6, 6, 3)))
            for file in path.iterdir():
                dataset = pydicom.dcmread(file)
                dataset.SeriesDescription = name
                dataset.save_as(file)
        lines.append(f"p{number},{('no', 'yes')[number]},{50 + number}")
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    images = '{ t1 = {named_after = "id", series = "mprage"}, flair = {named_after = "id", series = "flair"} }'
    (folder / "own.toml").write_text(TOML.format(images=images, more=""))
    cohort = scan(folder / "own.toml")
    assert [path.name for path in cohort.scans["image"]] == ["T1_MPRAGE"] * 2
    assert [path.name for path in cohort.scans["image:flair"]] == ["T2_FLAIR"] * 2
    assert not {"unused-series", "image-without-row"} & set(codes(cohort))


def test_what_is_another_image_of_the_scan_is_not_said_to_be_unused(tmp_path: Path) -> None:
    """Both series of a patient lie in one folder, which the table's column names."""
    import numpy as np
    import pydicom

    folder = tmp_path / "a"
    for number in range(2):
        for place, name in enumerate(("T1 MPRAGE", "T2 FLAIR", "Survey")):
            path = folder / f"p{number}" / name
            series(path, np.random.default_rng(number).integers(0, 900, (6, 6, 3)))
            for file in path.iterdir():
                dataset = pydicom.dcmread(file)
                dataset.SeriesDescription = name
                dataset.SeriesInstanceUID = f"1.2.{number}.{place}"
                dataset.save_as(file)
                file.rename(path.parent / f"{place}_{file.name}")
            path.rmdir()
    (folder / "t.csv").write_text("id,ill,age\np0,no,50\np1,yes,51\n")
    images = '{ t1 = {column = "id", series = "mprage"}, flair = {column = "id", series = "flair"} }'
    (folder / "own.toml").write_text(TOML.format(images=images, more=""))
    cohort = scan(folder / "own.toml")
    unused = [item for finding in cohort.findings if finding.code == "unused-series" for item in finding.items]
    assert {item.partition("[")[2] for item in unused} == {"Survey]"}
    assert not [finding for finding in cohort.findings if finding.dropped and finding.code == "unused-series"]
