"""What a folder of DICOM files holds, and which volume of it is wanted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import FileDataset
from pydicom.uid import ComputedRadiographyImageStorage

from fusekit.data import Cohort, Finding, read
from fusekit.data.own.images.series import Wanted, as_trained, choice, series_in
from fusekit.data.own.task import OwnTask
from fusekit.errors import DataError, OptionError
from fusekit.progress import Quiet
from tests.data.images.dicom.written import dataset, voxels, write
from tests.plugins.fusekit_hmi.conftest import write_series


def test_a_folder_with_one_series_is_read_as_a_folder(tmp_path: Path) -> None:
    write_series(tmp_path, "P1", "PORTAL")
    findings: list[Finding] = []
    (series,) = series_in(tmp_path, sorted(tmp_path.iterdir()), Wanted(modality="CT"), findings)
    assert (series.path, series.description, series.patient, series.scanner) == (
        *(tmp_path, "PORTAL", "P1", "ACME One"),
    )
    assert findings == []


def test_of_several_series_each_is_read_from_a_file_of_its_own(tmp_path: Path) -> None:
    arterial = write_series(tmp_path, "P1", "ARTERIAL", name="a{}.dcm", seed=1)
    portal = write_series(tmp_path, "P1", "PORTAL", name="b{}.dcm", seed=2, slices=3)
    write_series(tmp_path, "P1", "SCOUT", name="c{}.dcm", slices=1)
    write_series(tmp_path, "P1", "any", name="d{}.dcm", slices=1, image_type="LOCALIZER")
    write_series(tmp_path, "P1", "report", name="e{}.dcm", slices=1, modality="SR")
    write_series(tmp_path, "P1", "liver", name="f{}.dcm", slices=1, modality="MR")
    findings: list[Finding] = []
    found = series_in(tmp_path, sorted(tmp_path.iterdir()), Wanted(modality="CT"), findings)
    assert [series.description for series in found] == ["ARTERIAL", "PORTAL"]
    for series, expected in zip(found, (arterial, portal), strict=True):
        data = read(series.path).data  # x to the right, y to the front: both against DICOM's
        assert (data == expected.transpose(2, 1, 0)[::-1, ::-1]).all()
    assert len(series_in(tmp_path, sorted(tmp_path.iterdir()), Wanted(), [])) == 3  # any modality, but no report
    counts = {finding.code: finding.count for finding in findings}
    assert counts == {"localiser": 2, "other-modality": 2}


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.dcm").write_bytes(b"no DICOM")
    with pytest.raises(DataError, match=r"x\.dcm: the DICOM file cannot be read"):
        series_in(tmp_path, [tmp_path / "x.dcm"], Wanted(modality="CT"), [])


TOML = """
table = "t.csv"
images = {images}
subject = "pid"
label = "outcome"
classes = ["a", "b"]
columns = ["age"]
"""


def _echoes(folder: Path, *times: float, **elements: Any) -> None:
    """A series of several echoes; voxels of the second differ by 10."""
    for number, time in enumerate(times):

        def change(k: int, data: FileDataset, number: int = number, time: float = time) -> None:
            data.EchoTime, data.Modality, data.SeriesDescription = time, "MR", "GRE"
            data.PixelData = (np.frombuffer(data.PixelData, np.uint16) + 10 * number).astype(np.uint16).tobytes()
            for keyword, value in elements.items():
                setattr(data, keyword, value)

        for path in write(folder / "one", change=change):
            path.rename(folder / f"{number}{path.name}")
    (folder / "one").rmdir()


def _cohort(folder: Path, more: str = "", images: str = '{named_after = "pid"}') -> Cohort:
    (folder / "my.toml").write_text(TOML.replace("{images}", images) + more, "utf-8")
    rows = [f"P{k},{'ab'[k % 2]},{30 + k},P{k}" for k in range(2)]
    (folder / "t.csv").write_text("\n".join(["pid,outcome,age,path", *rows, ""]), "utf-8")
    return OwnTask(folder / "my.toml").scan(folder, Quiet())


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Two people with two echoes each, in a folder of their own."""
    for name in ("P0", "P1"):
        (tmp_path / name).mkdir()
        _echoes(tmp_path / name, 4.6, 9.2)
    return tmp_path


PLACES = ['{named_after = "pid"}', '{column = "path"}', '"{pid}"']


@pytest.mark.parametrize("images", PLACES)
@pytest.mark.parametrize(("time", "more"), [(4.6, 0), (9.2, 10)])
def test_a_toml_chooses_the_volume_of_each_series(two: Path, images: str, time: float, more: int) -> None:
    cohort = _cohort(two, f"choose = {{EchoTime = {time}}}", images)
    assert len(cohort.scans) == 2
    for path in cohort.scans["image"]:
        np.testing.assert_array_equal(read(path).data, voxels() + float(more))


@pytest.mark.parametrize("images", PLACES)
def test_without_a_choice_the_volumes_are_listed(two: Path, images: str) -> None:
    with pytest.raises(DataError) as caught:
        _cohort(two, 'series = ""', images)
    message = "the series holds 2 volumes: EchoTime 4.6 (7 slices), 9.2 (7 slices). Choose one: in a TOML "
    assert f"{message}choose = {{EchoTime = 4.6}}, or -o task.choose=EchoTime=4.6." in str(caught.value)


def test_a_choice_that_some_do_not_have_is_listed_with_what_they_have(two: Path) -> None:
    (two / "P2").mkdir()
    message = r"no volume with EchoTime 5: EchoTime 4\.6 \(7 slices\), 9\.2 \(7 slices\)"
    with pytest.raises(DataError, match=message):
        _cohort(two, "choose = {EchoTime = 5}", PLACES[1])
    for path in (two / "P1").iterdir():
        path.unlink()
    _echoes(two / "P1", 5)
    cohort = _cohort(two, "choose = {EchoTime = 4.6}")
    assert cohort.scans["subject"].tolist() == ["P0"]
    (finding,) = [finding for finding in cohort.findings if finding.code == "other-series"]
    assert finding.message == "subjects without a series with EchoTime 4.6, left out"
    assert "the series holds no volume with EchoTime 4.6: EchoTime 5" in finding.items[0]


def test_a_choice_chooses_among_series_too(tmp_path: Path) -> None:
    for name in ("P0", "P1"):
        (tmp_path / name).mkdir()
        _echoes(tmp_path / name, 4.6, 9.2)
        for path in (tmp_path / name).iterdir():
            path.rename(path.with_name(f"a{path.name}"))
        _echoes(tmp_path / name, 30, SeriesInstanceUID="1.2.4", SeriesDescription="T2")
    cohort = _cohort(tmp_path, "choose = {EchoTime = 9.2}")
    assert [path.name[0] for path in cohort.scans["image"]] == ["a", "a"]
    cohort = _cohort(tmp_path, "choose = {EchoTime = 30}")
    assert [path.name[0] for path in cohort.scans["image"]] == ["0", "0"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("choose = {EchTime = 4.6}", r"choose.EchTime tells no volumes apart; these do: EchoTime, .*AcquisitionNumber"),
        ("choose = {EchoTime = [4.6]}", r"choose.EchoTime takes a number or a text, not \[4\.6\]"),
        ("choose = 4.6", r"takes a section headed \[choose\], not 4\.6"),
    ],
)
def test_a_choice_that_is_none_is_named(tmp_path: Path, entry: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        _cohort(tmp_path, entry)


def test_a_file_that_cannot_be_read_leaves_the_others_and_is_a_finding(two: Path) -> None:
    (two / "P0" / "broken.dcm").write_bytes(b"<html>")
    cohort = _cohort(two, "choose = {EchoTime = 4.6}")
    assert len(cohort.scans) == 2
    (finding,) = [finding for finding in cohort.findings if finding.code == "unread-file"]
    assert (finding.severity, finding.count) == ("warning", 1)
    assert "broken.dcm: the DICOM file cannot be read: it is a web page (HTML)" in finding.items[0]


def test_radiographs_of_a_person_are_pictures_each(tmp_path: Path) -> None:
    for name in ("P0", "P1"):
        (tmp_path / name).mkdir()
        for number in range(2):
            data = dataset(np.arange(30, dtype=np.uint16).reshape(5, 6) + number, ComputedRadiographyImageStorage)
            data.Modality = "CR"
            data.save_as(tmp_path / name / f"{number}.dcm", enforce_file_format=True)
    cohort = _cohort(tmp_path)
    assert len(cohort.scans) == 4
    assert [path.name for path in cohort.scans["image"]] == ["0.dcm", "1.dcm"] * 2
    found = series_in(tmp_path / "P0", sorted((tmp_path / "P0").iterdir()), Wanted(modality="CT"), [])
    assert found == []  # a screenshot of doses is no CT


def test_a_new_patient_is_read_as_the_training_did(two: Path) -> None:
    asked = Wanted(choose=(("EchoTime", 9.2),)).as_json()
    assert Wanted.of_json(asked) == Wanted(choose=(("EchoTime", 9.2),))
    np.testing.assert_array_equal(read(as_trained(two / "P0", asked)).data, voxels() + 10.0)
    assert as_trained(two / "P0", None) == two / "P0"
    assert as_trained(two / "absent.nii.gz", asked) == two / "absent.nii.gz"
    one = min((two / "P0").iterdir())
    with pytest.raises(DataError, match=r"volumes with EchoTime 9\.2 are wanted, and the file has EchoTime 4\.6"):
        as_trained(one, asked)
    assert as_trained(one, Wanted(choose=(("EchoTime", 4.6),)).as_json()) == one
    with pytest.raises(DataError, match=r"the model was trained on volumes: .*the series holds 2 volumes"):
        as_trained(two / "P0", Wanted().as_json())
    for path in list((two / "P0").iterdir()):
        if path.name.startswith("0"):
            path.unlink()
    alone = Wanted("other name", choose=(("EchoTime", 9.2),)).as_json()
    assert as_trained(two / "P0", alone) == two / "P0"  # one volume is the one that is meant, whatever its name
    with pytest.raises(DataError, match=r"trained on volumes with EchoTime 4\.6: .*holds no volume.*EchoTime 9\.2"):
        as_trained(two / "P0", Wanted(choose=(("EchoTime", 4.6),)).as_json())


def test_of_several_series_a_new_patients_is_the_one_that_training_named(tmp_path: Path) -> None:
    portal = write_series(tmp_path, "P1", "PORTAL", name="b{}.dcm", seed=2)
    write_series(tmp_path, "P1", "ARTERIAL", name="a{}.dcm", seed=1)
    write_series(tmp_path, "P1", "SCOUT", name="c{}.dcm", slices=1)
    data = read(as_trained(tmp_path, Wanted("portal", "CT").as_json())).data
    assert (data == portal.transpose(2, 1, 0)[::-1, ::-1]).all()
    with pytest.raises(DataError, match=r"trained on volumes called 'venous': it holds .*ARTERIAL.*PORTAL"):
        as_trained(tmp_path, Wanted("venous", "CT").as_json())


def test_what_was_asked_for_goes_with_the_task(two: Path) -> None:
    (two / "my.toml").write_text(TOML.replace("{images}", PLACES[0]) + "choose = {EchoTime = 9.2}", "utf-8")
    described = OwnTask(two / "my.toml").describe()["series"]
    assert described == {"image": {"name": "", "modality": "", "choose": {"EchoTime": 9.2}}}
    (two / "my.toml").write_text(TOML.replace("{images}", PLACES[0]), "utf-8")
    assert "series" not in OwnTask(two / "my.toml").describe()


def test_a_choice_on_the_command_line_is_checked() -> None:
    assert choice("EchoTime=4.6") == ("EchoTime", "4.6")
    assert choice("ImageType=A=B") == ("ImageType", "A=B")
    for text in ("EchoTime", "EchoTime=", "Echo=4", ""):
        with pytest.raises(OptionError, match=r"takes NAME=VALUE, not .*: EchoTime, "):
            choice(text)
