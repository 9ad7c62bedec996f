"""What the guide says of folders of which something is missing; and the refusals of the tasks in the same words."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from fusekit.cli import program
from fusekit.errors import DataError
from fusekit.extension import catalog
from fusekit.progress import Quiet
from fusekit_adni.converter_task import MciConverterTask
from fusekit_adni.tables.archive import PIECES, archive, get, place
from fusekit_adni.task import AdniAdTask
from tests.plugins.fusekit_adni.trees import Trees


def _guide(folder: Path, monkeypatch: pytest.MonkeyPatch, columns: int = 100_000) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    result = CliRunner().invoke(program(catalog()), ["adni-guide", str(folder)])
    assert result.exit_code == 0, result.output
    return result.output


def _sections(text: str) -> dict[str, dict[str, str]]:
    """Rows by section; blocks are separated by empty lines, and names from texts by two blanks."""
    found = {}
    for block in text.strip().split("\n\n"):
        title, *lines = block.splitlines()
        rows = [line.strip().split("  ", 1) for line in lines]
        found[title.strip()] = {row[0]: row[1].strip() for row in rows if len(row) > 1}
    return found


def _tables(trees: Trees, diagnoses: str = "DXSUM_24Feb2026.csv") -> None:
    rows = [
        (5, "bl", "2020-01-01", 2),
        (5, "m36", "2023-01-01", 2),
        (6, "bl", "2020-01-01", 3),
        (7, "bl", "2020-01-01", 2),
    ]
    trees.table(diagnoses, "RID VISCODE2 EXAMDATE DIAGNOSIS", rows)
    trees.table("All_Subjects_APOERES_24Feb2026.csv", "RID GENOTYPE", [(5, "3/4")])
    trees.table("UPENNBIOMK_MASTER (1).csv", "RID VISCODE BATCH ABETA TAU PTAU", [])
    trees.table("All_Subjects_UPENNBIOMK_ROCHE_ELECSYS_24Feb2026.csv", "RID VISCODE2 ABETA42", [])
    trees.table("All_Subjects_Key_MRI_24Feb2026.csv", "image_id subject_id mri_visit", [])
    trees.table("MMSE.csv", "RID MMSCORE", [])


def test_an_empty_folder_lacks_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = _sections(_guide(tmp_path, monkeypatch))
    assert f"{tmp_path}: no images; 0 tables (.csv)" in said
    missing = ["T1-weighted MRI (MP-RAGE", "diagnosis at each visit", "one clinical table"]  # the first has two lines
    assert list(said["Missing; no task runs without"]) == missing
    others = said["Not there; read where it is"]
    assert others["laboratory values"] == place("laboratory")
    assert "There" not in said
    assert all("cannot run yet" in text for text in said["Tasks"].values())


def test_tables_alone_lack_the_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _tables(Trees(tmp_path))
    said = _sections(_guide(tmp_path, monkeypatch))
    assert said["There"]["diagnosis at each visit"] == "4 visits of 3 subjects, in DXSUM_24Feb2026.csv"
    assert said["There"]["cerebrospinal fluid"] == (
        "All_Subjects_UPENNBIOMK_ROCHE_ELECSYS_24Feb2026.csv; on another scale, and not read beside it: "
        "UPENNBIOMK_MASTER (1).csv"
    )
    assert list(said["Missing; no task runs without"].values()) == [place("images")]
    assert said["Not there; read where it is"]["age, sex, education"] == place("people")
    assert said["Look at"]["other tables"].startswith("MMSE. Not read")
    assert said["Tasks"] == dict.fromkeys(
        ["adni-ad", "mci-converter"], "cannot run yet: T1-weighted MRI (MP-RAGE or IR-SPGR)"
    )


def test_images_alone_lack_the_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Trees(tmp_path).loni("002_S_0005", 9, description="Accelerated_Sagittal_MPRAGE")
    text = _guide(tmp_path, monkeypatch)
    assert f"{tmp_path}: a LONI download: 1 image of 1 subject in ADNI; 0 tables (.csv)" in text
    assert set(_sections(text)["Missing; no task runs without"]) == {"diagnosis at each visit", "one clinical table"}


def test_with_both_it_counts_whom_the_tasks_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trees = Trees(tmp_path)
    _tables(trees)
    trees.loni("002_S_0005", 9)
    said = _sections(_guide(tmp_path, monkeypatch))
    assert "Missing; no task runs without" not in said
    assert said["Tasks"] == {
        "adni-ad": "has what it needs; at baseline 1 AD, 2 MCI",
        "mci-converter": "has what it needs; 1 of 2 with MCI have a diagnosis at month 36 or later",
    }
    assert f"Next: fusekit check adni-ad --data {tmp_path}" in said


def test_a_table_under_another_name_and_one_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees = Trees(tmp_path)
    _tables(trees, "my diagnoses.csv")
    said = _sections(_guide(tmp_path, monkeypatch))
    assert said["Look at"]["my diagnoses.csv: DXSUM?"].startswith("so its columns or its name say")
    assert "diagnosis at each visit" in said["Missing; no task runs without"]
    trees.table("DXSUM.csv", "RID VISCODE2 EXAMDATE", [(5, "bl", "2020-01-01")])
    looks = _sections(_guide(tmp_path, monkeypatch))["Look at"]
    assert "no column of diagnoses" in looks["diagnoses cannot be read"]


def test_a_bids_tree_has_tables_of_its_own_and_two_layouts_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees = Trees(tmp_path)
    trees.nifti(tmp_path / "bids/sub-ADNI002S0005/ses-M000/anat/sub-ADNI002S0005_ses-M000_T1w.nii")
    trees.table("bids/participants.tsv", "participant_id sex", [("sub-ADNI002S0005", "F")])
    said = _sections(_guide(tmp_path, monkeypatch))
    assert "sessions.tsv" in said["There"]["diagnosis at each visit"]
    assert "Missing; no task runs without" not in said
    trees.loni("002_S_0005", 9)
    assert _sections(_guide(tmp_path, monkeypatch))["Look at"] == {
        "several layouts": "say which one to read: --layout loni or --layout bids"
    }


@pytest.mark.parametrize("columns", [80, 120])
def test_it_fits_the_terminal_and_cuts_nothing_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    _tables(Trees(tmp_path))
    text = _guide(tmp_path, monkeypatch, columns)
    body = text.partition("\n\n")[2]
    assert max(map(len, body.splitlines())) <= columns
    assert "…" not in text
    assert "UPENNBIOMK_MASTER" in text.replace("\n", "")


def test_refusals_say_the_same(tmp_path: Path) -> None:
    trees = Trees(tmp_path)
    for task in (AdniAdTask(), MciConverterTask()):
        with pytest.raises(DataError, match="no images") as caught:
            task.scan(tmp_path, Quiet())
        assert get("images") in str(caught.value)
    trees.loni("002_S_0005", 9)
    with pytest.raises(DataError, match="holds images but no tables") as caught:
        AdniAdTask().scan(tmp_path, Quiet())
    assert get("diagnosis") in str(caught.value)
    assert f"fusekit adni-guide {tmp_path}" in str(caught.value)
    trees.table("APOERES.csv", "RID GENOTYPE", [(5, "3/4")])
    with pytest.raises(DataError, match="no diagnoses") as caught:
        AdniAdTask().scan(tmp_path, Quiet())
    assert get("diagnosis") in str(caught.value)


def test_every_place_names_the_table_as_the_archive_does() -> None:
    assert get("diagnosis") == (
        "For diagnosis at each visit get DXSUM (earlier DXSUM_PDXCONV and DXSUM_PDXCONV_ADNIALL): Search & Download > "
        "ARC Builder > DXSUM, or Study Files > Assessments > Diagnosis; else ADNIMERGE, if you have it."
    )
    assert {table for piece in PIECES.values() for table in piece.tables} <= set(archive())


def test_no_folder_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(program(catalog()), ["adni-guide", str(tmp_path / "none")])
    assert isinstance(result.exception, DataError)
    assert str(result.exception) == f"{tmp_path / 'none'} is not a folder."
