import shutil
from pathlib import Path

import pytest
from bids_validator import BIDSValidator

from fusekit.data import read
from fusekit.errors import DataError
from fusekit_adni.download.bids import entities, preference, ptid, visit_of
from fusekit_adni.download.layouts import find_download
from fusekit_adni.task import AdniAdTask
from tests.plugins.fusekit_adni.trees import Lines, Study, Trees, expected, found, rows

PEOPLE = "participant_id alternative_id_1 sex education_level age_bl adni_rid diagnosis_sc mmse_bl apoe4"
SESSIONS = "session_id examination_date age diagnosis MMSE cdr_sb adni_abeta adni_tau adni_ptau adni_hippocampus_vol"
CLINICAL = (
    *("age", "sex", "education_level", "apoe4"),
    *("adni_abeta", "adni_abeta censored", "adni_tau", "adni_ptau", "adni_ptau censored"),
)


class Bids:
    """A BIDS tree below ``bids``, subject by subject."""

    def __init__(self, trees: Trees):
        self.trees = trees
        self.people: list[tuple[object, ...]] = []

    def t1(self, sub: str, ses: str = "M000", more: str = "", suffix: str = "T1w", end: str = ".nii.gz") -> Path:
        """Write an image."""
        folder = self.trees.root / f"bids/{sub}/ses-{ses}" / ("pet" if suffix == "pet" else "anat")
        return self.trees.nifti(folder / f"{sub}_ses-{ses}_{more}{suffix}{end}")

    def person(self, sub: str, diagnosis: str = "n/a", *, sex: str = "M", years: str = "16", apoe4: str = "n/a") -> str:
        """A row of participants.tsv."""
        name = f"{sub[8:11]}_S_{sub[12:]}"
        self.people.append((sub, name, sex, years, "70.0", sub[12:].lstrip("0"), diagnosis, "29", apoe4))
        return sub

    def sessions(self, sub: str, *lines: str) -> None:
        """Rows of a subject's sessions.tsv: label, day, age, diagnosis, abeta, tau, ptau."""
        cells = [line.split() for line in lines]
        full = [(*row[:4], "29", "0.5", *row[4:7], "7000") for row in cells]
        self.trees.table(f"bids/{sub}/{sub}_sessions.tsv", SESSIONS, full)

    def write(self) -> None:
        """Write participants.tsv and what makes a folder a BIDS tree."""
        self.trees.table("bids/participants.tsv", PEOPLE, self.people)
        (self.trees.root / "bids/dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.7.0"}')


def _ordinary(bids: Bids, *, image: bool = True) -> list[tuple[object, ...]]:
    """Subjects 1 to 30 with a session at baseline: odd ones CN, even ones AD. Returns their rows."""
    rows: list[tuple[object, ...]] = []
    for rid in range(1, 31):
        sub, ill = f"sub-ADNI{rid % 4 + 2:03}S{rid:04}", rid % 2 == 0
        day, ses, end = (
            f"2006-03-{rid:02}",
            ("M00" if rid % 3 == 0 else "M000"),
            (".nii" if rid % 4 == 0 else ".nii.gz"),
        )
        if image:
            bids.t1(sub, ses, end=end)
        bids.person(sub, "EMCI", sex="FM"[rid % 2], years=str(rid % 9 + 8), apoe4=("n/a", "0", "1", "2")[rid % 4])
        text, abeta, flag = (
            ("<200", 200.0, -1.0),
            (">1700", 1700.0, 1.0),
            ("n/a", None, None),
            (f"{rid + 800}", rid + 800.0, 0.0),
        )[rid % 4]
        bids.sessions(
            sub,
            f"ses-{ses} {day} {60 + rid}.5 {'AD' if ill else 'CN'} {text} {rid + 200.5} {rid if rid % 5 else '<8'}",
            f"ses-M006 2006-09-{rid:02} {61 + rid}.0 MCI 1 1 1",  # of a session without an image
        )
        who = (f"{rid % 4 + 2:03}_S_{rid:04}", "bl", f"{sub}_ses-{ses}_T1w", day)
        clinical = (60.5 + rid, ("Female", "Male")[rid % 2], rid % 9 + 8.0, (None, 0.0, 1.0, 2.0)[rid % 4])
        low = (8.0, -1.0) if rid % 5 == 0 else (float(rid), 0.0)
        rows.append((*who, "AD" if ill else "CN", day, *clinical, abeta, flag, rid + 200.5, *low))
    return rows


def test_every_oddity_of_a_bids_tree_row_by_row(tmp_path: Path) -> None:
    """Without study tables: everything from the tree's own."""
    trees, progress = Trees(tmp_path), Lines()
    bids = Bids(trees)
    ordinary = _ordinary(bids)
    # 31: acq- and run- beside the plain one. 32: runs alone. 33: acq- alone. 10034: five digits.
    sub = bids.person("sub-ADNI009S0031")
    left = [bids.t1(sub, more="acq-a_"), bids.t1(sub, more="run-01_"), bids.t1(sub, more="acq-a_run-02_")]
    bids.t1(sub)
    bids.sessions(sub, "ses-M000 2006-03-02 71.0 CN n/a n/a n/a")
    sub = bids.person("sub-ADNI009S0032")
    left += [bids.t1(sub, more="run-10_"), bids.t1(sub, more="run-3_")]
    bids.t1(sub, more="run-02_")
    bids.sessions(sub, "ses-M000 3/2/2006 72.0 Dementia n/a n/a n/a")
    bids.t1(bids.person("sub-ADNI009S0033"), more="acq-a_", end=".nii")
    bids.sessions("sub-ADNI009S0033", "ses-M000 n/a 73.0 CN n/a n/a n/a")
    bids.t1(bids.person("sub-ADNI137S10034"))
    bids.sessions("sub-ADNI137S10034", "ses-M000 2006-03-04 74.0 AD <200 n/a n/a")
    # 35: FLAIR and PET, and a session with nothing else. 36: three visits, one of them MCI. 37: MCI only.
    sub = bids.person("sub-ADNI009S0035", years="-4", apoe4="1")
    bids.t1(sub), bids.t1(sub, suffix="FLAIR"), bids.t1(sub, more="trc-18FFDG_", suffix="pet")
    bids.t1(sub, "M012", suffix="FLAIR"), bids.t1(sub, "M024", more="trc-18FAV45_", suffix="pet")
    bids.sessions(sub, "ses-M000 2006-03-05 75.0 CN . 250 -4", "ses-M012 2007-03-05 76.0 CN 1 1 1")
    sub = bids.person("sub-ADNI009S0036")
    bids.t1(sub, "M00"), bids.t1(sub, "M006"), bids.t1(sub, "M018")
    bids.sessions(
        sub,
        "ses-M000 2006-03-06 76.0 MCI 700 1 1",  # the label is M00 in the image's folder: the visit is the same
        "ses-M006 2006-09-06 76.5 AD n/a 300 >120",
        "ses-M018 2007-09-06 77.5 AD 650 n/a n/a",
    )
    bids.t1(bids.person("sub-ADNI009S0037"))
    bids.sessions("sub-ADNI009S0037", "ses-M000 2006-03-07 77.0 MCI 1 1 1")
    # 38: no diagnosis at the session, 39: no sessions.tsv: that of screening. 40: neither. 41: not at a later visit.
    bids.t1(bids.person("sub-ADNI009S0038", "SMC", sex="F"))
    bids.sessions("sub-ADNI009S0038", "ses-M000 2006-03-08 78.0 n/a 900 n/a 20")
    bids.t1(bids.person("sub-ADNI009S0039", "AD"))
    bids.t1(bids.person("sub-ADNI009S0040"))
    bids.t1(bids.person("sub-ADNI009S0041", "CN"), "M012")
    bids.sessions("sub-ADNI009S0041", "ses-M012 2007-03-01 71.0 n/a 1 1 1")
    # 42 and 43: a label that is no visit, with a day and without. 44: not among the participants. 45: listed twice.
    sub = bids.person("sub-ADNI009S0042")
    bids.sessions(sub, "ses-M006 2006-09-01 72.5 CN 800 n/a n/a", "ses-other 2006-09-11 72.6 CN 810 n/a n/a")
    unplaced = [bids.t1(sub, "other"), bids.t1(bids.person("sub-ADNI009S0043"), "extra")]
    bids.t1("sub-ADNI009S0044")
    bids.sessions("sub-ADNI009S0044", "ses-M000 14.III.2006 74.0 CN high n/a n/a")
    bids.t1(bids.person("sub-ADNI009S0045"))
    bids.person("sub-ADNI009S0045", sex="F")
    bids.sessions("sub-ADNI009S0045", "ses-M000 2006-03-15 75.5 AD n/a n/a n/a")
    # Other people's folders, another subject's file, what was made from the images.
    bids.people.append(("sub-AIBL7", "7", "F", "12", "70", "7", "CN", "30", "0"))
    raw = {path: "" for path in (tmp_path / "bids").rglob("*") if path.is_file()}
    stray = [trees.nifti(tmp_path / "bids/sub-AIBL7/ses-M000/anat/sub-AIBL7_ses-M000_T1w.nii.gz").parents[2]]
    stray += [trees.nifti(tmp_path / "bids/sub-ADNI009S0045/ses-M000/anat/sub-ADNI009S0046_ses-M000_T1w.nii.gz")]
    bids.t1("sub-ADNI009S0045", more="space-MNI_")
    name = "sub-ADNI009S0045/ses-M000/anat/sub-ADNI009S0045_ses-M000_T1w.nii.gz"
    trees.nifti(tmp_path / "bids/derivatives/smoothed" / name)
    (tmp_path / "bids/sourcedata.zip").touch()
    bids.write()

    cohort = AdniAdTask().scan(tmp_path, progress)
    cohort.check()
    odd = expected(
        """
        009_S_0031  bl  sub-ADNI009S0031_ses-M000_T1w        2006-03-02 CN 2006-03-02 71   Male   16 - -   -  -   -   -
        009_S_0032  bl  sub-ADNI009S0032_ses-M000_run-02_T1w 2006-03-02 AD 2006-03-02 72   Male   16 - -   -  -   -   -
        009_S_0033  bl  sub-ADNI009S0033_ses-M000_acq-a_T1w  ''         CN ''         73   Male   16 - -   -  -   -   -
        137_S_10034 bl  sub-ADNI137S10034_ses-M000_T1w       2006-03-04 AD 2006-03-04 74   Male   16 - 200 -1 -   -   -
        009_S_0035  bl  sub-ADNI009S0035_ses-M000_T1w        2006-03-05 CN 2006-03-05 75   Male   -  1 -   -  250 -   -
        009_S_0036  m06 sub-ADNI009S0036_ses-M006_T1w        2006-09-06 AD 2006-09-06 76.5 Male   16 - -   -  300 120 1
        009_S_0036  m18 sub-ADNI009S0036_ses-M018_T1w        2007-09-06 AD 2007-09-06 77.5 Male   16 - 650 0  -   -   -
        009_S_0038  bl  sub-ADNI009S0038_ses-M000_T1w        2006-03-08 CN ''         78   Female 16 - 900 0  -   20  0
        009_S_0039  bl  sub-ADNI009S0039_ses-M000_T1w        ''         AD ''         -    Male   16 - -   -  -   -   -
        009_S_0044  bl  sub-ADNI009S0044_ses-M000_T1w        ''         CN ''         74   -      -  - -   -  -   -   -
        009_S_0045  bl  sub-ADNI009S0045_ses-M000_T1w        2006-03-15 AD 2006-03-15 75.5 Male   16 - -   -  -   -   -
        """
    )
    assert rows(cohort, *CLINICAL) == sorted([*ordinary, *odd], key=lambda row: (str(row[0]), str(row[1])))
    assert cohort.scans.index[0] == "002_S_0004_bl"
    assert {"MMSE", "cdr_sb", "mmse_bl", "adni_rid"}.isdisjoint(cohort.clinical)
    notes = found(cohort.findings)
    assert sorted(notes.pop("duplicate-scan")) == sorted(map(str, left))
    assert len(notes.pop("scan-without-biospecimen")) == 5
    at = tmp_path / "bids/sub-ADNI009S0035"
    assert notes == {
        "date-order": ["*_sessions.tsv: no number above 12 shows the order; read as M/D/YYYY, as ADNI writes dates"],
        "empty-leaf": [str(at / "ses-M012"), str(at / "ses-M024")],
        "not-a-subject": [str(path) for path in stray],
        "archive-not-opened": [str(tmp_path / "bids/sourcedata.zip")],
        "row-without-subject": [f"participants.tsv, line {len(bids.people) + 1}"],
        "repeated-row": [f"participants.tsv, line {len(bids.people)}"],
        "odd-date": ["sub-ADNI009S0044_sessions.tsv, line 2: 14.III.2006"],
        "odd-text": ["sub-ADNI009S0044_sessions.tsv, line 2, column 'adni_abeta': 'high'"],
        "screening-diagnosis": ["009_S_0038", "009_S_0039", "009_S_0041"],
        "no-visit": [str(path) for path in unplaced],
        "other-diagnosis": ["009_S_0036_bl", "009_S_0037_bl"],
        "no-diagnosis": ["009_S_0040_bl", "009_S_0041_m12"],
        "bids-columns": ["participants.tsv", "sessions.tsv"],
        "not-a-biospecimen": ["adni_hippocampus_vol"],
    }
    assert progress.said[0] == f"{tmp_path}: a Clinica BIDS tree: 52 images of 45 subjects in bids, 43 tables in bids"
    validator = BIDSValidator()
    files = [f"/{path.relative_to(tmp_path / 'bids').as_posix()}" for path in raw]
    assert [file for file in files if not validator.is_bids(file)] == []
    for row in (0, -1):  # one of each suffix
        path = cohort.scans["image"].iloc[row]
        assert read(path).data.tolist() == trees.voxels.tolist()
    assert {path.suffix for path in cohort.scans["image"].iloc[[0, -1]]} == {".nii", ".gz"}


def test_study_tables_come_before_the_trees_own(tmp_path: Path) -> None:
    trees, study = Trees(tmp_path), Study()
    bids = Bids(trees)
    _ordinary(bids)
    bids.write()
    for rid in range(1, 31):
        study.exam(rid, 3 if rid % 2 else 1, 5)  # the other way round, to tell them apart
        study.person(rid, f"{rid % 4 + 2:03}_S_{rid:04}", 50 + rid)
    study.nfl = [(rid, "bl", rid) for rid in range(1, 31)]
    study.write(trees)
    cohort = AdniAdTask(layout="bids").scan(tmp_path, Lines())
    cohort.check()
    assert cohort.scans["label"].tolist() == [int(subject[-1]) % 2 for subject in cohort.scans["subject"]]
    assert set(cohort.scans["diagnosis_date"]) == {"2006-03-06"}
    assert list(cohort.clinical) == ["AGE", "PTGENDER", "PTEDUCAT", "PLASMA_NFL", "PLASMA_NFL censored"]
    rids = [int(subject[-4:]) for subject in cohort.scans["subject"]]
    assert cohort.clinical["PLASMA_NFL"].tolist() == rids
    # The session's day is that of its own table: from the 1st to the 30th of March.
    assert cohort.scans["acquired"].tolist() == [f"2006-03-{rid:02}" for rid in rids]
    assert cohort.clinical["AGE"].tolist() == [round(50 + rid + (rid - 1) / 365.25, 2) for rid in rids]
    assert "bids-columns" not in found(cohort.findings)


def test_a_tree_without_any_table_says_what_to_add(tmp_path: Path) -> None:
    bids = Bids(Trees(tmp_path))
    bids.t1("sub-ADNI002S0001")
    with pytest.raises(DataError, match=r"no tables \(\.csv\).*DXSUM.*ADNIMERGE.*participants\.tsv"):
        AdniAdTask().scan(tmp_path, Lines())
    bids.trees.table("bids/participants.tsv", "participant_id sex", [("sub-ADNI002S0001", "F")])
    with pytest.raises(
        DataError, match=r"no diagnoses: .*DXSUM.*'diagnosis' in sub-\*/sub-\*_sessions\.tsv or 'diagnosis_sc'"
    ):
        AdniAdTask().scan(tmp_path, Lines())


def test_a_session_with_two_diagnoses_is_refused(tmp_path: Path) -> None:
    bids = Bids(Trees(tmp_path))
    bids.t1("sub-ADNI002S0001")
    bids.sessions("sub-ADNI002S0001", "ses-M00 n/a 70 CN 1 1 1", "ses-M000 n/a 70 AD 1 1 1")
    with pytest.raises(
        DataError, match=r"002_S_0001 has more than one diagnosis at visit bl \(.*line 2: CN; .*line 3: AD"
    ):
        AdniAdTask().scan(tmp_path, Lines())


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("sub-ADNI002S0295", "002_S_0295"),
        ("sub-ADNI137S10123", "137_S_10123"),
        ("sub-ADNI02S0295", None),
        ("sub-01", None),
    ],
)
def test_subjects_by_their_folder(folder: str, expected: str | None) -> None:
    assert ptid(folder) == expected


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        ("ses-M00", "bl"),
        ("ses-M000", "bl"),
        ("ses-M006", "m06"),
        ("ses-M06", "m06"),
        ("ses-M120", "m120"),
        ("ses-1", None),
    ],
)
def test_visits_by_the_session(session: str, expected: str | None) -> None:
    assert visit_of(session) == expected


def test_few_entities_and_low_runs_are_preferred() -> None:
    best_first = ["", "run-1", "run-2", "run-10", "acq-x", "acq-x_run-2", "acq-x_rec-y"]
    ranks = [preference(entities(name)) for name in best_first]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == len(ranks)


def test_a_session_without_its_own_folder_for_anatomy_is_noted(tmp_path: Path) -> None:
    bids = Bids(Trees(tmp_path))
    bids.t1("sub-ADNI002S0001")
    (tmp_path / "bids/sub-ADNI002S0001/ses-M006").mkdir()
    download = find_download(tmp_path)
    assert [path.name for path in download.empty] == ["ses-M006"]
    assert (download.layout, download.images[0].visit, download.images[0].acquired) == ("bids", "bl", None)


CROPPED, WHOLE = "space-MNI152NLin2009cSym_desc-Crop_res-1x1x1_", "space-MNI152NLin2009cSym_res-1x1x1_"
CAPS_CLINICAL = ("AGE", "PTEDUCAT", "TAU", "TAU censored", "PLASMA_NFL")


def _t1(
    trees: Trees, sub: str, ses: str = "M000", more: str = CROPPED, folder: str = "t1_linear", end: str = ".nii.gz"
) -> Path:
    """Write an image as the pipeline names it; ``T1w_`` stands in the middle of older names."""
    return trees.nifti(trees.root / f"caps/subjects/{sub}/ses-{ses}/{folder}/{sub}_ses-{ses}_{more}T1w{end}")


def _ordinary_caps(trees: Trees, study: Study) -> list[tuple[object, ...]]:
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
    ordinary = _ordinary_caps(trees, study)

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
        "date-order": [
            "ADNIMERGE_12Feb2024.csv: no number above 12 shows the order; read as M/D/YYYY, as ADNI writes dates"
        ],
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
    assert rows(cohort, *CAPS_CLINICAL) == expect
    told = found(cohort.findings)
    assert {code: sorted(items) if code == "duplicate-scan" else items for code, items in told.items()} == notes
    said = "a CAPS t1_linear tree: 49 images of 42 subjects in caps/subjects, 7 tables in tables"
    assert progress.said[0] == f"{trees.root}: {said}"
    for row in (0, 3):
        assert read(cohort.scans["image"].iloc[row]).data.tolist() == trees.voxels.tolist()


def test_the_folder_may_be_the_tree_itself_with_tables_in_it(tmp_path: Path) -> None:
    trees, expect, _ = _tree(tmp_path / "data")
    shutil.move(trees.root / "tables", trees.root / "caps/tables")
    assert rows(AdniAdTask(layout="caps").scan(trees.root / "caps", Lines()), *CAPS_CLINICAL) == expect


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
