import shutil
from pathlib import Path

import pytest

from fusekit.data import read
from fusekit.errors import DataError
from fusekit_adni.task import AdniAdTask
from tests.plugins.fusekit_adni.trees import Lines, Study, Trees, expected, found, rows

CROPPED, WHOLE = "space-MNI152NLin2009cSym_desc-Crop_res-1x1x1_", "space-MNI152NLin2009cSym_res-1x1x1_"
CLINICAL = ("AGE", "PTEDUCAT", "TAU", "TAU censored", "PLASMA_NFL")


def _t1(
    trees: Trees, sub: str, ses: str = "M000", more: str = CROPPED, folder: str = "t1_linear", end: str = ".nii.gz"
) -> Path:
    """Write an image as the pipeline names it; ``T1w_`` stands in the middle of older names."""
    return trees.nifti(trees.root / f"caps/subjects/{sub}/ses-{ses}/{folder}/{sub}_ses-{ses}_{more}T1w{end}")


def _ordinary(trees: Trees, study: Study) -> list[tuple[object, ...]]:
    """Subjects 1 to 30 at baseline: odd ones CN, even ones AD. Returns their rows."""
    rows: list[tuple[object, ...]] = []
    for rid in range(1, 31):
        name = f"{rid % 4 + 2:03}_S_{rid:04}"
        sub, ses, old = f"sub-ADNI{name.replace('_', '')}", ("M00" if rid % 3 else "M000"), ("T1w_" if rid % 2 else "")
        _t1(trees, sub, ses, old + CROPPED, end=".nii" if rid % 5 == 0 else ".nii.gz")
        study.exam(rid, 1 if rid % 2 else 3, rid)
        study.person(rid, name, 60 + rid, years=8 + rid % 9)
        text, tau, flag = (("<30", 30.0, -1.0), ("-4", None, None), (f"{rid + 40}", rid + 40.0, 0.0))[rid % 3]
        study.csf += [(rid, "bl", "MEDIAN", 200, text, 20), (rid, "bl", "UPENNBIOMK2", 1, 1, 1)]
        study.nfl.append((rid, "bl", rid + 10))
        # Nothing tells the scan's day: it gets that of ADNIMERGE's exam, from which the age counts too.
        who = (name, "bl", f"{sub}_ses-{ses}_{old}{CROPPED}T1w", "2006-03-01")
        label = ("CN" if rid % 2 else "AD", f"2006-03-{rid + 1:02}")
        rows.append((*who, *label, 60.0 + rid, 8.0 + rid % 9, tau, flag, rid + 10.0))
    return rows


def _tree(tmp_path: Path) -> tuple[Trees, list[tuple[object, ...]], dict[str, list[str]]]:
    """A CAPS tree and study tables; the rows and the notes to expect."""
    trees, study = Trees(tmp_path), Study()
    ordinary = _ordinary(trees, study)

    def subject(rid: int, diagnosis: int, sub: str = "") -> str:
        sub = sub or f"sub-ADNI009S{rid:04}"
        study.exam(int(sub[12:]), diagnosis)
        study.person(int(sub[12:]), f"{sub[8:11]}_S_{sub[12:]}")
        return sub

    # 31: cropped and whole. 32: whole alone. 33: acq- beside none. 34: acq- alone. 10035: five digits. 36: runs.
    sub = subject(31, 1)
    left = [_t1(trees, sub, more=WHOLE)]
    _t1(trees, sub)
    _t1(trees, subject(32, 3), more=WHOLE)
    sub = subject(33, 1)
    left += [_t1(trees, sub, more=f"acq-fast_{CROPPED}"), _t1(trees, sub, more=WHOLE)]
    _t1(trees, sub)
    sub = subject(34, 3)
    left += [_t1(trees, sub, more=WHOLE)]  # whole: the cropped one counts, whatever else it is
    _t1(trees, sub, more=f"acq-fast_T1w_{CROPPED}")
    _t1(trees, subject(35, 1, "sub-ADNI137S10035"))
    sub = subject(36, 3)
    left += [_t1(trees, sub, more=f"run-10_{CROPPED}")]
    _t1(trees, sub, more=f"run-2_{CROPPED}")
    # 37: other pipelines, other files. 38: other pipelines alone. 39: MCI. 40: three visits. 41, 42: no diagnosis.
    sub = subject(37, 1)
    _t1(trees, sub)
    (trees.root / f"caps/subjects/{sub}/ses-M000/t1_linear/{sub}_ses-M000_space-MNI_res-1x1x1_affine.mat").touch()
    trees.nifti(trees.root / f"caps/subjects/{sub}/ses-M000/t1_linear/{sub}_ses-M000_{CROPPED}mask.nii.gz")
    _t1(trees, sub, folder="pet_linear")
    sub = subject(38, 3)
    _t1(trees, sub, folder="t1_volume")
    _t1(trees, subject(39, 2))
    sub = subject(40, 3)
    study.exam(40, 3, 365, visit="m12", code="v11")
    _t1(trees, sub), _t1(trees, sub, "M012"), _t1(trees, sub, "M024")
    _t1(trees, "sub-ADNI009S0041")
    _t1(trees, subject(42, -4))
    study.nfl += [(40, "m12", 77), (50, "bl", 1)]
    # Folders that are no ADNI subject's, a file of another subject, a link out of the folder, an archive.
    strange = [trees.root / "caps/subjects/sub-OAS1"]
    trees.nifti(strange[0] / f"ses-M000/t1_linear/sub-OAS1_ses-M000_{CROPPED}T1w.nii.gz")
    strange.append(_t1(trees, subject(43, 3)).with_name(f"sub-ADNI009S0044_ses-M000_{CROPPED}T1w.nii.gz"))
    trees.nifti(strange[1])
    link = trees.root / f"caps/subjects/{subject(44, 1)}"
    link.symlink_to(tmp_path.parent, target_is_directory=True)
    (trees.root / "caps/groups").mkdir()
    (trees.root / "caps/groups/all.zip").touch()
    study.write(trees, "tables")
    odd = expected(
        f"""
        009_S_0031  bl  sub-ADNI009S0031_ses-M000_{CROPPED}T1w                2006-03-01 CN 2006-03-01 70 16 - - -
        009_S_0032  bl  sub-ADNI009S0032_ses-M000_{WHOLE}T1w                  2006-03-01 AD 2006-03-01 70 16 - - -
        009_S_0033  bl  sub-ADNI009S0033_ses-M000_{CROPPED}T1w                2006-03-01 CN 2006-03-01 70 16 - - -
        009_S_0034  bl  sub-ADNI009S0034_ses-M000_acq-fast_T1w_{CROPPED}T1w   2006-03-01 AD 2006-03-01 70 16 - - -
        137_S_10035 bl  sub-ADNI137S10035_ses-M000_{CROPPED}T1w               2006-03-01 CN 2006-03-01 70 16 - - -
        009_S_0036  bl  sub-ADNI009S0036_ses-M000_run-2_{CROPPED}T1w          2006-03-01 AD 2006-03-01 70 16 - - -
        009_S_0037  bl  sub-ADNI009S0037_ses-M000_{CROPPED}T1w                2006-03-01 CN 2006-03-01 70 16 - - -
        009_S_0040  bl  sub-ADNI009S0040_ses-M000_{CROPPED}T1w                2006-03-01 AD 2006-03-01 70 16 - - -
        009_S_0040  m12 sub-ADNI009S0040_ses-M012_{CROPPED}T1w                2007-03-01 AD 2007-03-01 71 16 - - 77
        009_S_0043  bl  sub-ADNI009S0043_ses-M000_{CROPPED}T1w                2006-03-01 AD 2006-03-01 70 16 - - -
        """
    )
    notes = {
        "duplicate-scan": sorted(map(str, left)),
        "empty-leaf": [str(trees.root / "caps/subjects/sub-ADNI009S0038/ses-M000")],
        "not-a-subject": [str(path) for path in strange],
        "link-outside": [str(link)],
        "archive-not-opened": [str(trees.root / "caps/groups/all.zip")],
        "other-diagnosis": ["009_S_0039_bl"],
        "no-diagnosis": ["009_S_0040_m24", "009_S_0041_bl", "009_S_0042_bl"],
        "scan-without-biospecimen": [str(row[0]) for row in odd if "S_0040" not in str(row[0])],
        "row-without-scan": ["50"],
        "column-without-values": ["APOE4"],
        "other-scale": ["UPENNBIOMK9_04_19_17_12Feb2024.csv"],
        "older-table": [str(trees.root / "tables/ADNIMERGE_01Jan2020.csv")],
    }
    notes["scan-without-biospecimen"].sort()
    return trees, sorted([*ordinary, *odd], key=lambda row: (str(row[0]), str(row[1]))), notes


def test_every_oddity_of_a_caps_tree_row_by_row(tmp_path: Path) -> None:
    trees, expect, notes = _tree(tmp_path / "data")
    progress = Lines()
    cohort = AdniAdTask().scan(trees.root, progress)
    cohort.check()
    assert rows(cohort, *CLINICAL) == expect
    told = found(cohort.findings)
    assert {code: sorted(items) if code == "duplicate-scan" else items for code, items in told.items()} == notes
    said = "a CAPS t1_linear tree: 49 images of 42 subjects in caps/subjects, 7 tables in tables"
    assert progress.said[0] == f"{trees.root}: {said}"
    for row in (0, 3):
        assert read(cohort.scans["image"].iloc[row]).data.tolist() == trees.voxels.tolist()


def test_the_folder_may_be_the_tree_itself_with_tables_in_it(tmp_path: Path) -> None:
    trees, expect, _ = _tree(tmp_path / "data")
    shutil.move(trees.root / "tables", trees.root / "caps/tables")
    assert rows(AdniAdTask(layout="caps").scan(trees.root / "caps", Lines()), *CLINICAL) == expect


def test_beside_the_bids_tree_that_it_was_made_from(tmp_path: Path) -> None:
    """One must be named; the other's tables still tell, here with no study table at all."""
    trees = Trees(tmp_path)
    for rid, diagnosis in ((1, "CN"), (2, "AD")):
        sub = f"sub-ADNI002S000{rid}"
        _t1(trees, sub)
        trees.nifti(tmp_path / f"bids/{sub}/ses-M000/anat/{sub}_ses-M000_T1w.nii.gz")
        columns = "session_id examination_date age diagnosis adni_tau"
        line = ("ses-M000", "2006-03-01", 70 + rid, diagnosis, "<80" if rid == 1 else "")
        trees.table(f"bids/{sub}/{sub}_sessions.tsv", columns, [line])
    with pytest.raises(
        DataError,
        match=r"images in 2 layouts: a Clinica BIDS tree \(2 images of 2 subjects in bids\); a CAPS t1_linear tree "
        r"\(2 images of 2 subjects in caps/subjects\)\. Say which one to read: --layout bids or --layout caps\.",
    ):
        AdniAdTask().scan(tmp_path, Lines())
    cohort = AdniAdTask(layout="caps").scan(tmp_path, Lines())
    assert [path.parts[-2] for path in cohort.scans["image"]] == ["t1_linear"] * 2
    assert rows(cohort, "age", "adni_tau", "adni_tau censored") == expected(
        f"""
        002_S_0001 bl sub-ADNI002S0001_ses-M000_{CROPPED}T1w 2006-03-01 CN 2006-03-01 71 80 -1
        002_S_0002 bl sub-ADNI002S0002_ses-M000_{CROPPED}T1w 2006-03-01 AD 2006-03-01 72 -  -
        """
    )
    assert [path.parts[-2] for path in AdniAdTask(layout="bids").scan(tmp_path, Lines()).scans["image"]] == ["anat"] * 2
