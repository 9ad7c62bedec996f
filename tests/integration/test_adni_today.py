"""A download of February 2026, read row by row as ``adni_today/`` says; written by hand, and nobody in it exists."""

import csv
import gzip
import shutil
from pathlib import Path

import pytest

from fusekit.data import Cohort
from fusekit.errors import DataError
from fusekit.progress import Quiet
from fusekit_adni.converter_task import MciConverterTask
from fusekit_adni.task import AdniAdTask, AdniTask
from tests.plugins.fusekit_adni.trees import Lines, found

HERE = Path(__file__).with_name("adni_today")
ABOUT = ["subject", "visit", "image_id", "acquired", "label", "diagnosis_date", "site", "field_strength", "phase"]
CLINICAL = ["AGE", "PTGENDER", "PTEDUCAT", "APOE4"]
CLINICAL += [f"{name}{suffix}" for name in ("ABETA42", "ABETA40", "TAU", "PTAU") for suffix in ("", " censored")]


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of ``adni_today/``, and an empty file for each image of ``images.csv``."""
    root = tmp_path_factory.mktemp("adni")
    shutil.copytree(HERE, root, dirs_exist_ok=True)
    for name in ("images", "expected", "expected_converters"):
        (root / f"{name}.csv").unlink()
    for row in listed("images"):
        leaf = (
            root / row["root"] / row["subject"] / row["description"] / f"{row['day']}_09_15_30.0" / f"I{row['image']}"
        )
        leaf.mkdir(parents=True)
        name = f"ADNI_{row['subject']}_MR_{row['description']}_Br_20240101000000000_S{row['image'][1:]}"
        (leaf / f"{name}_I{row['image']}{row['suffix']}").touch()
    return root


def listed(name: str) -> list[dict[str, str]]:
    with (HERE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def plain(cohort: Cohort, columns: list[str]) -> list[dict[str, str]]:
    """A cohort as the rows of a table: text, with numbers as short as they can be."""
    scans = cohort.scans.assign(label=[cohort.classes[label] for label in cohort.scans["label"]])
    cells = scans[[name for name in ABOUT if name in columns]].join(cohort.clinical)
    text = (
        cells.astype(object).where(cells.notna(), "").map(lambda cell: f"{cell:g}" if isinstance(cell, float) else cell)
    )
    rows = text.rename(columns=lambda name: name.replace(" ", "_"))[columns].to_dict("records")
    return [{str(name): str(cell) for name, cell in row.items()} for row in rows]


def scan(task: AdniTask, folder: Path) -> Cohort:
    cohort = task.scan(folder, Quiet())
    cohort.check()
    return cohort


def test_every_scan_has_the_row_that_was_written_by_hand(today: Path) -> None:
    cohort = scan(AdniAdTask(), today)
    expected = [{name: cell and short(cell) for name, cell in row.items()} for row in listed("expected")]
    assert plain(cohort, list(expected[0])) == expected
    assert cohort.scans["subject"].nunique() >= 30


def short(cell: str) -> str:
    try:
        return cell if "-" in cell[1:] else f"{float(cell):g}"
    except ValueError:
        return cell


def test_converters_are_those_that_were_judged_by_hand(today: Path) -> None:
    cohort = scan(MciConverterTask(), today)
    expected = listed("expected_converters")
    assert plain(cohort, list(expected[0])) == expected
    left = found(cohort.findings)
    assert left["reverted"] == ["023_S_6053: to CN at month 12", "023_S_6059: from AD to MCI at month 24"]
    assert left["short-follow-up"] == [
        "023_S_6054: last diagnosis at month 24",
        "100_S_6042: last diagnosis at month 0",
    ]
    late = {"002_S_0023": 144, "023_S_0022": 72, "023_S_6055": 48}
    assert left["late-conversion"] == [f"{subject}: AD first seen at month {month}" for subject, month in late.items()]
    assert left["no-baseline-scan"] == ["023_S_6058: progressive"]


def test_the_phase_of_enrolment_needs_no_adnimerge(today: Path) -> None:
    """Two of the four were seen in ADNI4 as well."""
    task = MciConverterTask(phases=("ADNI3",), filter_on="ORIGPROT")
    assert scan(task, today).scans["subject"].tolist() == [row["subject"] for row in listed("expected_converters")]
    with pytest.raises(DataError, match="no subject is left who is stable or progressive"):
        scan(MciConverterTask(phases=("ADNI4",), filter_on="ORIGPROT"), today)


def test_what_is_not_read_is_said(today: Path) -> None:
    lines = Lines()
    cohort = AdniAdTask().scan(today, lines)
    what = found(cohort.findings)
    assert what["older-table"] == [str(today / "DXSUM_04Oct2025.csv")]
    assert what["other-scale"] == ["UPENNBIOMK_MASTER_21Feb2026.csv"]
    assert what["unread-diagnosis"] == ["All_Subjects_DXSUM_24Feb2026.csv, column DIAGNOSIS: 'Undecided' (1)"]
    assert what["unread-visit"] == ["'tlc?' (1)"]
    assert what["genotype-differs"] == ["6033"]
    assert [Path(item).parts[-5] for item in what["withdrawn-subjects"]] == ["381_S_10001"]
    assert [Path(item).parts[-5] for item in what["no-visit"]] == ["041_S_6037"]
    assert [Path(item).parts[-4] for item in what["duplicate-scan"]] == ["Accelerated_Sagittal_MPRAGE_REPEAT"]
    again = [Path(item).relative_to(today).parts[0] for item in what["repeated-image"]]
    assert again == ["2nd file"] * 3
    others = [
        "3_Plane_Localizer (5)",
        "AV45_Coreg,_Avg,_Standardized_Image_and_Voxel_Size (1)",
        "Axial_3D_PASL__Eyes_Open_ (5)",
    ]
    assert what["other-sequence"] == [*others, "Axial_DTI (5)", "Sagittal_3D_FLAIR (6)"]
    assert "unread-table" not in what
    assert what["field-strength-assumed"] == ["041_S_6036_bl_I900364", "941_S_10252_bl_I900462"]
    assert "diagnosis from DXSUM" in lines.said[-2]


@pytest.mark.parametrize(
    "name",
    [
        "DXSUM (1).csv",
        "DXSUM_PDXCONV_23Apr2024.csv",
        "DXSUM_PDXCONV_ADNIALL.csv",
        "NOTEPAD_CU_DXSUM_29Aug2025.csv",
        "DXSUM_12Feb2026.csv.gz",
    ],
)
def test_it_is_the_same_under_every_name_of_the_table_of_diagnoses(today: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(today, tmp_path, dirs_exist_ok=True)
    (tmp_path / "DXSUM_04Oct2025.csv").unlink()
    path = tmp_path / "Tables_24Feb2026/All_Subjects_DXSUM_24Feb2026.csv"
    text = path.read_bytes()
    path.unlink()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    expected = [{name: cell and short(cell) for name, cell in row.items()} for row in listed("expected")]
    assert plain(scan(AdniAdTask(), tmp_path), list(expected[0])) == expected


def test_copies_are_counted_once(today: Path) -> None:
    lines = Lines()
    AdniAdTask().scan(today, lines)
    assert lines.said[0].endswith(
        "53 images of 51 subjects in 1st file/ADNI, 2nd file/ADNI, 13 tables in Tables_24Feb2026"
    )
