from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusekit.data import Cohort
from fusekit.errors import DataError
from fusekit.progress import Quiet
from fusekit_adni.synthetic import download as synthetic
from fusekit_adni.task import AdniAdTask

SCALED = "MPR__GradWarp__B1_Correction__N3__Scaled"
BASELINE = date(2006, 3, 1)


class Download:
    """A folder that is filled step by step."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.listed: list[tuple[str, str, str]] = []
        (folder / "tables").mkdir()

    def image(
        self, rid: int, day: date, number: int, description: str = SCALED, visit: str | None = None, series: int = 1
    ) -> Path:
        """Write an image (empty: scanning opens none), and list it where it has a visit."""
        ptid = f"002_S_{rid:04}"
        leaf = self.folder / "ADNI" / ptid / description / f"{day}_10_11_12.0" / f"I{number}"
        leaf.mkdir(parents=True)
        path = leaf / f"ADNI_{ptid}_MR_{description}_Br_20080101000000000_S{series}_I{number}.nii"
        path.touch()
        if visit is not None:
            self.listed.append((f"I{number}", ptid, visit))
        return path

    def table(self, name: str, columns: str, rows: Sequence[Sequence[object]]) -> Path:
        path = self.folder / "tables" / f"{name}.csv"
        pd.DataFrame(list(rows), columns=columns.split()).to_csv(path, index=False)
        return path

    def merge(self, *rows: Sequence[object]) -> Path:
        """RID VISCODE EXAMDATE DX, and what every row has besides."""
        full = [(*row, "ADNI1", 70.0, "Female", 16) for row in rows]
        return self.table("ADNIMERGE_12Feb2024", "RID VISCODE EXAMDATE DX COLPROT AGE PTGENDER PTEDUCAT", full)

    def scan(self) -> Cohort:
        if self.listed:
            listed = pd.DataFrame(self.listed, columns=["Image Data ID", "Subject", "Visit"])
            listed.to_csv(self.folder / "ADNI1_Complete_1Yr_1.5T_2_12_2024.csv", index=False, quoting=1)
        return AdniAdTask().scan(self.folder, Quiet())


@pytest.fixture
def download(tmp_path: Path) -> Download:
    return Download(tmp_path)


def found(cohort: Cohort) -> dict[str, tuple[str, ...]]:
    return {finding.code: finding.items for finding in cohort.findings}


def later(days: int) -> date:
    return BASELINE + timedelta(days=days)


def pair(download: Download) -> None:
    """Subject 1 with CN and subject 2 with AD, one scan each."""
    download.merge((1, "bl", BASELINE, "CN"), (2, "bl", BASELINE, "Dementia"))
    download.image(1, BASELINE, 11, visit="sc")
    download.image(2, BASELINE, 12, visit="sc")


SCANS = ["002_S_0001_bl_I11", "002_S_0002_bl_I12"]


@pytest.mark.parametrize("code", ["init", "y1", "v11", "bl", "m06", None])
def test_a_visit_code_that_the_dates_contradict_does_not_decide_the_label(download: Download, code: str | None) -> None:
    """Someone who went on into a later phase: its codes count from there, years after the baseline."""
    download.merge(
        *((1, "bl", BASELINE, "CN"), (1, "m06", later(183), "CN"), (1, "m12", later(365), "CN")),
        *((1, "m120", later(3650), "Dementia"), (2, "bl", BASELINE, "CN")),
    )
    download.image(1, later(3660), 11, visit=code)
    download.image(2, BASELINE, 12, visit="sc")
    cohort = download.scan()
    assert cohort.scans.index.tolist() == ["002_S_0001_m120_I11", "002_S_0002_bl_I12"]
    assert cohort.scans["label"].tolist() == [1, 0]
    assert len(found(cohort).get("visit-contradicted", ())) == (code is not None)


@pytest.mark.parametrize(("days", "visit", "far"), [(0, "m12", 0), (90, "m12", 0), (91, "m12", 1), (180, "m12", 1)])
def test_without_a_list_the_nearest_exam_decides(download: Download, days: int, visit: str, far: int) -> None:
    download.merge((1, "bl", BASELINE, "MCI"), (1, "m12", later(365), "CN"), (2, "bl", BASELINE, "Dementia"))
    download.image(1, later(365 + days), 11)
    download.image(2, BASELINE, 12)
    cohort = download.scan()
    assert cohort.scans["visit"].tolist() == [visit, "bl"]
    assert len(found(cohort).get("far-visit", ())) == far


def test_an_image_beyond_the_limit_has_no_visit(download: Download) -> None:
    pair(download)
    path = download.image(1, later(181), 13)
    cohort = download.scan()
    assert cohort.scans.index.tolist() == SCANS
    assert found(cohort)["no-visit"] == (str(path),)


@pytest.mark.parametrize(("phase", "kept"), [("ADNI1", "I22"), ("ADNI2", "I11")])
def test_the_main_field_strength_of_the_phase_is_preferred(download: Download, phase: str, kept: str) -> None:
    pair(download)
    rows = [(1, "bl", BASELINE, "CN", phase), (2, "bl", BASELINE, "Dementia", phase)]
    download.table("ADNIMERGE_12Feb2024", "RID VISCODE EXAMDATE DX COLPROT", rows)
    download.table("APOERES", "RID VISCODE GENOTYPE", [(1, "sc", "3/4"), (2, "sc", "3/3")])
    download.image(1, later(1), 22, SCALED, visit="sc", series=9)
    for number, tesla in ((11, "3.0"), (22, "1.5")):
        (download.folder / "ADNI" / f"ADNI_002_S_0001_MR_{SCALED}_S1_I{number}.xml").write_text(
            '<assessment name="MMSE"><component><assessmentScore attribute="MMSCORE">29.0</assessmentScore></component>'
            f'</assessment><protocolTerm><protocol term="Field Strength">{tesla}</protocol></protocolTerm>',
            encoding="utf-8",
        )
    assert download.scan().scans.index[0] == f"002_S_0001_bl_{kept}"


def test_what_describes_a_scan_is_that_of_its_visit(download: Download) -> None:
    rows = [
        (1, "m24", later(730), "CN", "ADNI2", "3 Tesla MRI"),
        (1, "bl", BASELINE, "CN", "ADNI1", "1.5 Tesla MRI"),
        (2, "bl", BASELINE, "Dementia", "ADNI1", "1.5 Tesla MRI"),
    ]
    download.table("ADNIMERGE_12Feb2024", "RID VISCODE EXAMDATE DX COLPROT FLDSTRENG", rows)
    download.table("APOERES", "RID VISCODE GENOTYPE", [(1, "sc", "3/4"), (2, "sc", "3/3")])
    for rid, day, number, visit in ((1, BASELINE, 11, "sc"), (2, BASELINE, 12, "sc"), (1, later(730), 13, "m24")):
        download.image(rid, day, number, visit=visit)
    scans = download.scan().scans.set_index("visit", append=True)
    assert scans["phase"].tolist() == ["ADNI1", "ADNI2", "ADNI1"]
    assert scans["field_strength"].tolist() == ["1.5 Tesla MRI", "3 Tesla MRI", "1.5 Tesla MRI"]


def test_listed_images_that_are_not_there_are_counted_but_not_masks(download: Download) -> None:
    pair(download)
    download.image(1, BASELINE, 13, "MPR__Mask", visit="sc")
    download.listed.append(("I77", "002_S_0001", "m06"))
    assert found(download.scan())["listed-without-image"] == ("I77",)


def test_what_the_tables_say_of_a_subject_once_holds_for_every_visit(download: Download) -> None:
    pair(download)
    download.table("DXSUM_12Feb2024", "RID VISCODE EXAMDATE DXCURREN", [(1, "m24", later(730), 1)])
    download.image(1, later(730), 13, visit="m24")
    scans = download.scan().scans
    assert scans["phase"].tolist() == ["ADNI1"] * 3
    assert scans["sex"].tolist() == ["Female"] * 3
    assert scans["age"].tolist() == pytest.approx([70, 70 + 730 / 365.25, 70], abs=0.01)


DIAGNOSES = st.sampled_from(["CN", "MCI", "Dementia", ""])
DAYS = st.integers(0, 900)


@settings(max_examples=60)
@given(
    exams=st.dictionaries(st.tuples(st.integers(1, 3), st.sampled_from([0, 12, 24])), st.tuples(DAYS, DIAGNOSES)),
    images=st.lists(st.tuples(st.integers(1, 3), DAYS), min_size=1, max_size=5),
)
def test_labels_are_those_of_the_nearest_exam_as_by_brute_force(
    tmp_path_factory: pytest.TempPathFactory,
    exams: dict[tuple[int, int], tuple[int, str]],
    images: list[tuple[int, int]],
) -> None:
    download = Download(tmp_path_factory.mktemp("download"))
    exams = {**exams, (8, 0): (0, "CN"), (9, 0): (0, "Dementia")}  # so that there is something to keep
    images = [*images, (8, 0), (9, 0)]
    names = {0: "bl", 12: "m12", 24: "m24"}
    download.merge(*((rid, names[month], later(day), dx) for (rid, month), (day, dx) in exams.items()))
    expected: dict[tuple[int, str], int] = {}
    for number, (rid, day) in enumerate(images, start=1):
        download.image(rid, later(day), number, series=number)
        near = [(abs(d - day), k) for k, ((r, _), (d, _)) in enumerate(exams.items()) if r == rid]
        if near and min(near)[0] <= 180:
            (_, month), (_, dx) = list(exams.items())[min(near)[1]]
            if dx in ("CN", "Dementia"):
                expected[rid, names[month]] = int(dx == "Dementia")
    both = {rid for rid, _ in expected if len({label for (r, _), label in expected.items() if r == rid}) > 1}
    if both:
        with pytest.raises(DataError, match="002_S_000"):
            download.scan().check()
        return
    scans = download.scan().scans
    rids = scans["subject"].str[-1].astype(int)
    assert dict(zip(zip(rids, scans["visit"], strict=True), scans["label"], strict=True)) == expected


def test_labels_of_a_synthetic_download_are_its_tables_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        synthetic, "_write_scan", lambda scan: (scan.path.parent.mkdir(parents=True), scan.path.touch())
    )
    synthetic.write_download(tmp_path, Quiet(), seed=3, subjects=60)
    (path,) = (tmp_path / "Study_Data").glob("DXSUM*.csv")
    table = pd.read_csv(path)
    truth = table[table["VISCODE"] == "bl"].drop_duplicates("RID").set_index("RID")["DXCURREN"]
    cohort = AdniAdTask().scan(tmp_path, Quiet())
    cohort.check()
    rids = cohort.subjects.index.str.rpartition("_").get_level_values(2).astype(int)
    assert cohort.subjects.tolist() == truth.loc[rids].map({1: 0, 3: 1}).tolist()
    with_scan = {int(folder.name.rpartition("_")[2]) for folder in (tmp_path / "ADNI").iterdir()}
    assert set(rids) == with_scan & set(truth.index[truth != 2])
    assert not cohort.scans.duplicated(["subject", "visit"]).any()
    assert cohort.scans["image"].map(lambda image: "N3__Scaled" in image.name and "MPR-R" not in image.name).all()
