"""A draft of somebody's messy folder, read back by the task that it describes."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
import pytest

from fusekit.data import Ordered
from fusekit.data.draft.draft import Draft, Found, as_toml, draft, look, place_of
from fusekit.data.draft.pattern import Guess
from fusekit.data.own.task import OwnTask
from fusekit.data.own.toml import read_own
from fusekit.errors import DataError, OptionError
from fusekit.progress import Quiet

nibabel: Any = untyped_nibabel


def messy(folder: Path, patients: int = 20) -> Path:
    """Semicolons, decimal commas, leading zeros, two scans for some, masks for some, and things of no use."""
    rng = np.random.default_rng(0)
    lines = ["Patient ID;Scan;Diagnose;Alter;Sex;Site;AFP (ng/mL);Datum;Verdict"]
    for k in range(patients):
        ill = k % 2
        for visit in range(1 + (k % 5 == 0)):
            scan = f"{k:03}{'ab'[visit]}"
            home = folder / "images" / f"case {k % 3}"
            home.mkdir(parents=True, exist_ok=True)
            nibabel.save(
                nibabel.Nifti1Image(rng.normal(0, 1, (9, 10, 11)).astype("f4"), np.eye(4)), home / f"{scan}.nii.gz"
            )
            if k % 4 == 0:
                nibabel.save(nibabel.Nifti1Image(np.ones((9, 10, 11), "u1"), np.eye(4)), home / f"{scan}_mask.nii.gz")
            afp = "-9" if k == 3 else f"{rng.gamma(2, 3):.2f}".replace(".", ",")
            lines.append(
                f"{k:04};{scan};{('gut', 'böse')[ill]};{50 + k % 7};{'MF'[k // 2 % 2]};s{k // 2 % 3};{afp};"
                f"{k % 28 + 1}.1.2020;{('no', 'yes')[ill]}"
            )
    (folder / "Tabelle.csv").write_bytes("\r\n".join(lines).encode("cp1252"))
    (folder / "raw.zip").write_bytes(b"PK")
    return folder


def test_a_messy_folder_becomes_a_toml_that_its_task_reads(tmp_path: Path) -> None:
    made = draft(messy(tmp_path / "data"))
    assert made.images is not None
    assert made.images.text == "images/case */{Scan}.nii.gz"
    assert made.images.rows == made.rows == 24
    assert made.masks is not None
    assert (made.masks.text, made.masks.rows) == ("images/case */{Scan}_mask.nii.gz", 6)
    assert (made.subject, made.scan) == ("Patient ID", "Scan")
    assert made.label == "Diagnose"
    assert {column.name: bool(column.reason) for column in made.columns} == {
        "Patient ID": True, "Scan": True, "Alter": False, "Sex": False, "Site": True, "AFP (ng/mL)": False,
        "Datum": True, "Verdict": True,
    }  # fmt: skip
    out = tmp_path / "my.toml"
    out.write_text(as_toml(made, place_of(made.folder, out)), "utf-8")
    task = OwnTask(out)
    cohort = task.scan(tmp_path / "data", Quiet())
    cohort.check()
    assert task.folder == tmp_path / "data"
    assert cohort.classes == ("gut", "böse") or cohort.classes == ("böse", "gut")
    assert len(cohort.scans) == 24
    assert cohort.subjects.shape == (20,)
    assert [(column.name, column.kind, column.unit) for column in cohort.columns] == [
        ("Alter", "number", "years"),
        ("Sex", "category", ""),
        ("AFP (ng/mL)", "number", "ng/mL"),
    ]
    assert cohort.clinical["AFP (ng/mL)"].isna().sum() == 1  # -9
    assert set(cohort.groups) == {"Sex", "Site"}
    assert cohort.scans["mask"].notna().sum() == 6


def test_every_guess_is_said_with_its_reason(tmp_path: Path) -> None:
    text = as_toml(draft(messy(tmp_path)), ".")
    assert "A guess!" in text
    assert '# "Datum" = ' in text or "# Datum = " in text
    assert "# a date" in text
    assert "predicts the label almost perfectly" in text
    assert "raw.zip is an archive" in text
    # A line that is left out becomes an entry by taking its # away.
    line = next(line for line in text.splitlines() if "Datum" in line and line.startswith("#"))
    assert tomllib.loads(line.removeprefix("# ")) == {"Datum": {"kind": "category"}}


def test_without_table_or_images_or_with_several_tables_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no table .*--table"):
        draft(tmp_path)
    (tmp_path / "a.csv").write_text("id,y\n1,2\n")
    (tmp_path / "x.zip").write_bytes(b"")
    with pytest.raises(DataError, match=r"holds no images .*Unpack x\.zip first"):
        draft(tmp_path)
    (tmp_path / "b.csv").write_text("id,y\n1,2\n")
    (tmp_path / "1.nii").write_bytes(b"")
    with pytest.raises(OptionError, match=r"holds 2 tables; name the one with the label by --table: a\.csv, b\.csv"):
        draft(tmp_path)
    made = draft(tmp_path, tmp_path / "a.csv")
    assert made.table == "a.csv"
    assert "cannot be read" in made.first
    (tmp_path / "c.csv").write_text("id,y\n")
    with pytest.raises(DataError, match="a header and no rows"):
        draft(tmp_path, tmp_path / "c.csv")


def test_a_label_that_nobody_recognises_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,y\n" + "".join(f"{k},{k / 7:.3f}\n" for k in range(9)))
    (tmp_path / "other.nii").write_bytes(b"")
    made = draft(tmp_path)
    assert (made.label, made.images) == ("", None)
    out = tmp_path / "my.toml"
    out.write_text(as_toml(made, "."), "utf-8")
    with pytest.raises(DataError, match="names one file for all rows"):
        OwnTask(out)


def test_the_folder_is_written_as_the_toml_sees_it(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert place_of(tmp_path / "data", tmp_path / "my.toml") == "data"
    assert place_of(tmp_path, tmp_path / "my.toml") == "."
    assert place_of(tmp_path / "data", tmp_path / "other" / "my.toml") == str(tmp_path / "data")


def test_odd_names_and_cells_still_make_a_toml(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(
        b'id,"a ""b"" [x]","two\nlines",y\n'
        + b"".join(b'%d,"c\r\nd%d\x01 # """,%d,%s\n' % (k, k % 3, k % 4, b"pq"[k % 2 : k % 2 + 1]) for k in range(12))
    )
    for k in range(12):
        (tmp_path / f"{k}.nii").write_bytes(b"")
    out = tmp_path / "my.toml"
    out.write_text(as_toml(draft(tmp_path), "."), "utf-8")
    cohort = OwnTask(out).scan(tmp_path, Quiet())
    assert [column.name for column in cohort.columns] == ['a "b" [x]', "two\nlines"]
    assert (len(cohort.scans), cohort.classes) == (12, ("p", "q"))


def test_images_masks_tables_and_archives_are_told_apart(tmp_path: Path) -> None:
    for name in (
        "t.csv", "deep/labs.tsv", "a/1.nii.gz", "a/2.NII", "a/2_mask.nii.gz", "masks/1.nii.gz", "a/3.hdr", "a/3.img",
        "p/x.png", "p/y.JPG", "raw.zip", "old.tar.gz", "notes.txt", "s/1/1.dcm", "s/1/2.dcm", "s/1/x.json",
        ".hidden/z.nii", "a/._1.nii.gz", "a/segment_5.nii",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "s/2").mkdir()
    (tmp_path / "s/2/IM0001").write_bytes(b"\0" * 128 + b"DICM")
    (tmp_path / "s/3").mkdir()
    (tmp_path / "s/3/IM0001").write_bytes(b"\0" * 128 + b"PNG?")
    (tmp_path / "elsewhere").symlink_to(tmp_path / "a")
    found = look(tmp_path)
    assert found.images == {
        "NIfTI": ["a/1.nii.gz", "a/2.NII", "a/3.hdr", "a/segment_5.nii"],
        "picture": ["p/x.png", "p/y.JPG"],
        "DICOM series": ["s/1", "s/2"],
    }
    assert found.masks == ["a/2_mask.nii.gz", "masks/1.nii.gz"]
    assert found.tables == ["t.csv", "deep/labs.tsv"]
    assert found.archives == ["old.tar.gz", "raw.zip"]
    assert found.kind == "NIfTI"


def test_an_empty_folder_has_no_kind_and_a_missing_one_is_named(tmp_path: Path) -> None:
    assert look(tmp_path).kind == ""
    with pytest.raises(DataError, match="there is no such folder"):
        look(tmp_path / "nowhere")


DRAFT = Draft(
    folder=Path("data"),
    table="t.csv",
    found=Found(images={"NIfTI": ["1.nii"]}),
    rows=10,
    images=Guess("{id}.nii", ("id",), False, 10),
    masks=None,
    subject="id",
    scan="",
    is_number=False,
    timed=None,
    label="y",
    other_labels=(),
    label_values={"0": 5, "1": 5},
    columns=(),
    groups=(),
)


def read(**changes: Any) -> dict[str, Any]:
    return tomllib.loads(as_toml(replace(DRAFT, **changes), "data"))


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        ({"1": 5, "0": 5}, ["0", "1"]),
        ({"malignant": 7, "benign": 3}, ["benign", "malignant"]),
        ({"Yes": 7, "No": 3}, ["No", "Yes"]),
        ({"x": 3, "b": 7}, ["b", "x"]),  # unknown words: the rarer is the likelier case
        ({"c": 1, "a": 2, "b": 3}, ["a", "b", "c"]),
    ],
)
def test_the_positive_class_is_guessed_and_stated(values: dict[str, int], classes: list[str]) -> None:
    entries = read(label_values=values)
    assert entries["classes"] == classes
    assert entries.get("positive") == (classes[1] if len(classes) == 2 else None)


def test_rows_without_image_or_label_are_left_to_the_reader() -> None:
    assert "rows_without_image" not in read()
    entries = read(images=Guess("path", ("path",), True, 8), label_values={"0": 5, "1": 4})
    assert entries["images"] == {"column": "path"}
    assert entries["rows_without_image"] == "refuse"
    assert entries["leave_out"] == [""]


def test_slices_follow_the_kind_of_image() -> None:
    assert read()["slices"] == {"plane": "axial", "space": "fraction", "start": 0.45, "stop": 0.55, "fit": "stretch"}
    assert read(ct=True)["slices"]["window"] == [400, 40]
    pictures = read(found=Found(images={"picture": ["1.png"]}))["slices"]
    assert (pictures["start"], pictures["stop"], pictures["fit"]) == (0, 1, "pad")


def test_paths_of_images_are_no_paths_of_masks(tmp_path: Path) -> None:
    lines = ["Fall;Befund;Datei"]
    for k in range(8):
        for name in (f"{k}a.nii", f"{k}a_mask.nii"):
            nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4), "f4"), np.eye(4)), tmp_path / name)
        lines.append(f"{k + 1};{('gut', 'schlecht')[k % 2]};{k}a.nii")
    (tmp_path / "t.csv").write_text("\n".join(lines), "utf-8")
    made = draft(tmp_path)
    assert made.images is not None
    assert (made.images.text, made.images.is_column) == ("Datei", True)
    assert made.masks is None
    assert (made.subject, made.label) == ("Fall", "Befund")


def test_a_number_is_proposed_where_no_column_looks_like_classes(tmp_path: Path) -> None:
    lines = ["id,age,mmse"] + [f"p{n:02},{50 + n % 17},{10 + n % 19}.5" for n in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    for n in range(40):
        (tmp_path / f"p{n:02}.nii").touch()
    made = draft(tmp_path)
    assert (made.label, made.is_number) == ("mmse", True)
    read = tomllib.loads(as_toml(made, "."))
    assert read["label"] == {"number": "mmse"}
    assert not {"classes", "positive"} & set(read)
    assert "mmse" not in read["columns"]


def test_a_time_is_proposed_beside_an_event(tmp_path: Path) -> None:
    lines = ["id,age,died,followup_months"] + [f"p{n:02},{50 + n % 17},{n % 3 // 2},{3 + n % 29}.5" for n in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    for n in range(40):
        (tmp_path / f"p{n:02}.nii").touch()
    made = draft(tmp_path)
    assert made.timed == ("died", "followup_months")
    text = as_toml(made, ".")
    assert '# label = { event = "died", time = "followup_months", horizons = [?]' in text
    assert tomllib.loads(text)["label"] == "died"
    assert draft_without_time(tmp_path).timed is None


def draft_without_time(folder: Path) -> Draft:
    """The same people, of whom some times are below 0: no times."""
    path = folder / "t.csv"
    path.write_text(path.read_text().replace(",3.5", ",-3.5"))
    return draft(folder)


def test_an_order_is_offered_where_there_are_three_classes_or_more(tmp_path: Path) -> None:
    lines = ["id,age,grade"] + [f"p{n:02},{50 + n % 17},G{1 + n % 3}" for n in range(30)]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    for n in range(30):
        (tmp_path / f"p{n:02}.nii").touch()
    text = as_toml(draft(tmp_path), ".")
    assert tomllib.loads(text)["classes"] == ["G1", "G2", "G3"]  # a guess is no order
    offered = '# label = { ordered = "grade", order = ["G1", "G2", "G3"] }'
    assert offered in text
    kept = [line for line in text.splitlines() if not line.startswith(("label", "classes"))]
    (tmp_path / "own.toml").write_text("\n".join(kept).replace(offered, offered[2:]))
    assert read_own(tmp_path / "own.toml").target == Ordered(("G1", "G2", "G3"))
