import os
from collections import Counter
from datetime import date
from itertools import pairwise
from pathlib import Path

import adnipy
import pandas as pd
import pytest

from fusekit.data import read
from fusekit.errors import DataError
from fusekit_adni.download.images import Image
from fusekit_adni.download.layouts import find_download
from fusekit_adni.download.lists import read_lists
from fusekit_adni.task import AdniAdTask
from tests.plugins.fusekit_adni.trees import SCALED as BEST
from tests.plugins.fusekit_adni.trees import Lines, Study, Trees, expected, found, rows

SCALED = "MPR__GradWarp__B1_Correction__N3__Scaled"


def _leaf(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def _counted(others: list[Path]) -> list[str]:
    names = Counter(next(name for above, name in pairwise(path.parts) if "_S_" in above) for path in others)
    return sorted(f"{name} ({count})" for name, count in names.items())


def _image(description: str, series: int = 5, number: int = 7) -> Image:
    return Image("002_S_0413", description, date(2008, 7, 31), number, series, Path("x.nii"))


@pytest.mark.parametrize("above", ["", "ADNI", "disk/2024/batch 1/ADNI"])
def test_the_documented_example_is_read_at_any_depth(tmp_path: Path, above: str) -> None:
    name = f"ADNI_002_S_0413_MR_{SCALED}_Br_20081015122825655_S54591_I120917.nii"
    leaf = _leaf(tmp_path / above / "002_S_0413" / SCALED / "2008-07-31_14_39_56.0" / "I120917", name)
    found = find_download(tmp_path)
    assert found.images == [Image("002_S_0413", SCALED, date(2008, 7, 31), 120917, 54591, leaf / name)]
    assert found.images[0].rid == 413
    assert (found.tables, found.empty, found.skipped) == ([], [], [])


def test_a_dicom_series_is_its_folder(tmp_path: Path) -> None:
    names = [f"ADNI_137_S_1414_MR_MP-RAGE__br_raw_2008022613053{k}_{k}_S46193_I92752.dcm" for k in range(3)]
    leaf = _leaf(tmp_path / "ADNI/137_S_1414/MP-RAGE/2008-02-26_11_57_53.0/S46193", *names)
    assert find_download(tmp_path).images == [
        Image("137_S_1414", "MP-RAGE", date(2008, 2, 26), 92752, 46193, leaf),
    ]


def test_dicom_files_without_ids_take_those_of_their_folder(tmp_path: Path) -> None:
    _leaf(tmp_path / "137_S_1414/MP-RAGE/2008-02-26_11_57_53.0/S46193", "1.dcm", "2.dcm")
    _leaf(tmp_path / "137_S_1415/MP-RAGE/2008-02-26_11_57_53.0/I92752", "1.dcm", "2.dcm")
    first, second = find_download(tmp_path).images
    assert (first.image_id, first.series) == ("S46193", 46193)
    assert (second.image_id, second.series) == ("I92752", 0)


def test_a_folder_may_be_named_after_the_series_while_the_file_names_the_image(tmp_path: Path) -> None:
    name = f"ADNI_002_S_0413_MR_{SCALED}_Br_20081015122825655_S54591_I120917.nii.gz"
    _leaf(tmp_path / "002_S_0413" / SCALED / "2008-07-31_14_39_56.0" / "S54591", name)
    (image,) = find_download(tmp_path).images
    assert (image.number, image.series) == (120917, 54591)


def test_subjects_with_five_digits_and_a_scan_without_fractions_of_a_second(tmp_path: Path) -> None:
    _leaf(tmp_path / "301_S_10042/MT1__GradWarp__N3m/2021-01-02_03_04_05/I9", "a_S8_I9.nii")
    _leaf(tmp_path / "301_S_042/MT1__GradWarp__N3m/2021-01-02_03_04_05/I8", "a_S8_I8.nii")  # too short: no subject
    (image,) = find_download(tmp_path).images
    assert (image.subject, image.rid, image.acquired) == ("301_S_10042", 10042, date(2021, 1, 2))


def test_masks_and_harmonised_segmentations_are_left_aside_and_empty_leaves_noted(tmp_path: Path) -> None:
    at = tmp_path / "002_S_0413"
    mask = _leaf(at / "MPR_Brain_Mask" / "2008-07-31_14_39_56.0" / "I1", "m_S1_I1.nii")
    harp = _leaf(at / "HarP_135_final" / "2008-07-31_14_39_56.0" / "I2", "h_S1_I2.nii")
    empty = _leaf(at / SCALED / "2008-07-31_14_39_56.0" / "I3")
    notes = _leaf(at / SCALED / "2008-07-31_14_39_56.0" / "I4", "notes.txt", "._a_S1_I4.nii")
    _leaf(at / SCALED / "2008-07-31_14_39_56.0" / "I5", "a_S1_I5.nii")
    _leaf(at / SCALED / "2008-07-31_14_39_56.0" / "QC", "a_S1_I6.nii")  # no leaf of an image
    _leaf(at / SCALED / "preview" / "I7", "a_S1_I7.nii")  # no moment of a scan
    found = find_download(tmp_path)
    assert [image.number for image in found.images] == [5]
    assert sorted(found.skipped) == sorted([harp, mask])
    assert sorted(found.empty) == sorted([empty, notes])


def test_tables_are_those_outside_the_subjects_folders(tmp_path: Path) -> None:
    leaf = _leaf(tmp_path / "ADNI/002_S_0413" / SCALED / "2008-07-31_14_39_56.0" / "I5", "a_S1_I5.nii", "b.csv")
    (leaf.parents[2] / "notes.csv").write_text("a\n1\n", encoding="utf-8")
    _leaf(tmp_path / "Study_Data/deep", "DXSUM.CSV", ".hidden.csv", "readme.txt")
    _leaf(tmp_path / ".trash", "ADNIMERGE.csv")
    _leaf(tmp_path / "__MACOSX/ADNI/002_S_0413" / SCALED / "2008-07-31_14_39_56.0" / "I5", "._a_S1_I5.nii")
    found = find_download(tmp_path)
    assert found.tables == [tmp_path / "Study_Data/deep/DXSUM.CSV"]
    assert found.empty == []


def test_images_come_sorted_by_subject_day_and_id(tmp_path: Path) -> None:
    for subject, day, number in [
        ("009_S_1000", 1, 1),
        ("010_S_1002", 2, 2),
        ("010_S_1001", 3, 3),
        ("010_S_1001", 1, 9),
    ]:
        _leaf(tmp_path / subject / "MP-RAGE" / f"2008-07-0{day}_14_39_56.0" / f"I{number}", f"a_S1_I{number}.nii")
    _leaf(tmp_path / "010_S_1001" / SCALED / "2008-07-03_14_39_56.0" / "I2", "a_S1_I2.nii")
    assert [image.number for image in find_download(tmp_path).images] == [1, 9, 2, 3, 2]


def test_a_folder_without_images_or_no_folder_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no images in the layout of a LONI download"):
        find_download(tmp_path)
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "nowhere"):
        with pytest.raises(DataError, match=f"{path} is not a folder"):
            find_download(path)


def test_a_day_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    _leaf(tmp_path / "002_S_0413/MP-RAGE/2008-02-31_14_39_56.0/I5", "a_S1_I5.nii")
    with pytest.raises(DataError, match="2008-02-31 is no date"):
        find_download(tmp_path)


def test_the_usual_order_of_preference() -> None:
    best_first = [
        _image(SCALED),
        _image("MPR__GradWarp__B1_Correction__N3__Scaled_2", series=6),
        _image("MPR____N3__Scaled"),
        _image("MPR-R__GradWarp__B1_Correction__N3__Scaled"),
        _image("MT1__GradWarp__N3m"),
        _image("MT1__N3m"),
        _image("MP-RAGE", series=4),
        _image("MP-RAGE", series=5),
        _image("MP-RAGE", series=5, number=8),
        _image("MP-RAGE_REPEAT", series=1),
    ]
    for better, worse in pairwise(best_first):
        assert better.preference < worse.preference, (better.description, worse.description)


def test_scaled_in_the_middle_of_a_name_is_no_scaled_image() -> None:
    assert _image("MPR__Scaled__GradWarp").preference > _image("MT1__N3m").preference


def test_a_link_to_a_folder_above_ends_the_walk(tmp_path: Path) -> None:
    leaf = _leaf(tmp_path / "ADNI/002_S_0413/MP-RAGE/2008-07-31_14_39_56.0/I5", "a_S1_I5.nii")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "again").symlink_to(tmp_path, target_is_directory=True)
    (image,) = find_download(tmp_path).images
    assert image.path == leaf / "a_S1_I5.nii"


def test_links_that_lead_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    at = "002_S_0413/MP-RAGE/2008-07-31_14_39_56.0"
    elsewhere = _leaf(tmp_path / "disk" / at / "I5", "a_S1_I5.nii", "1.dcm")
    data = tmp_path / "data"
    kept = _leaf(data / at / "I6", "a_S1_I6.nii")
    (data / at / "I6" / "b_S1_I8.nii").symlink_to(elsewhere / "a_S1_I5.nii")
    series = _leaf(data / at / "I7", "0.dcm")
    (series / "1.dcm").symlink_to(elsewhere / "1.dcm")
    (data / "ADNI").symlink_to(tmp_path / "disk", target_is_directory=True)
    (data / "circle").symlink_to(data / "circle")
    found = find_download(data)
    assert [image.path.parent for image in found.images] == [kept]
    links = [data / "ADNI", data / "circle", kept / "b_S1_I8.nii", series / "1.dcm"]
    assert sorted(found.outside) == sorted(links)
    assert found.empty == []


def test_links_that_stay_within_the_folder_are_followed(tmp_path: Path) -> None:
    store = _leaf(tmp_path / ".annex" / "objects", "a81f")
    leaf = _leaf(tmp_path / "ADNI/002_S_0413/MP-RAGE/2008-07-31_14_39_56.0/I5")
    (leaf / "a_S1_I5.nii").symlink_to(store / "a81f")
    assert [image.path.name for image in find_download(tmp_path).images] == ["a_S1_I5.nii"]


@pytest.mark.parametrize(
    ("description", "kept"),
    [
        *((name, True) for name in ("MP-RAGE", "MPRAGE_GRAPPA2", "IR-FSPGR", "SAG_IR-SPGR", "MT1__B1_Correction__N3m")),
        *((name, False) for name in ("Sagittal_3D_FLAIR", "Axial_PD_T2_FSE", "Axial_T2-Star", "B1-Calibration_Body")),
        *((name, False) for name in ("HighResHippocampus", "AV45_Coreg,_Avg", "Axial_rsfMRI__Eyes_Open_", "Axial_DTI")),
        *((name, False) for name in ("3_Plane_Localizer", "ADNI_Brain_PET__Raw_FDG", "Field_Mapping")),
        *((name, True) for name in ("Accelerated_Sagittal_MPRAGE", "Sagittal_3D_Accelerated_MPRAGE_MSV22")),
        *((name, True) for name in ("HS_Sagittal_3D_Accelerated_MPRAGE", "ORIG_Accelerated_Sag_IR-FSPGR", "MPR-R")),
        *((name, True) for name in ("MPRAGEadni3", "MP_RAGE_SENSE2", "IR-SPGR_w_acceleration", "MPR____N3__Scaled_2")),
        *((name, True) for name in ("MP-RAGE_REPEAT", "ADNI_______MPRAGE", "t1_mprage_sag_p2_iso", "Sag_T1w")),
        *((name, False) for name in ("Double_TSE", "Survey", "relCBF", "MoCoSeries", "AAHScout", "PCASL", "SWI")),
        *((name, False) for name in ("AAHScout_MPR_sag", "T2w_SPACE_MPR", "3D_PCASL_MPR", "SWI_MPR", "MPR_PDw")),
        *((name, False) for name in ("T1_mapping", "B1_Map", "FLAIR_MPR", "Cerebral_Blood_Flow", "SmartBrain", "MPRX")),
    ],
)
def test_other_sequences_are_left_aside_by_their_description(tmp_path: Path, description: str, kept: bool) -> None:
    leaf = _leaf(tmp_path / f"002_S_0413/{description}/2008-07-31_14_39_56.0/I5", "a_S1_I5.nii")
    _leaf(tmp_path / "002_S_0413/MPR/2008-07-31_14_39_56.0/I6", "a_S1_I6.nii")
    found = find_download(tmp_path)
    assert [image.number for image in found.images] == ([5, 6] if kept else [6])
    assert found.others == ([] if kept else [leaf])


def test_an_image_of_another_modality_is_told_by_its_files_name(tmp_path: Path) -> None:
    leaf = _leaf(tmp_path / "002_S_0413/MPR/2008-07-31_14_39_56.0/I6", "ADNI_002_S_0413_MR_MPR_S1_I6.nii")
    other = _leaf(tmp_path / "002_S_0413/MPRAGE/2008-07-31_14_39_56.0/I5", "ADNI_002_S_0413_PT_MPRAGE_Br_1_S1_I5.nii")
    found = find_download(tmp_path)
    assert [image.path.parent for image in found.images] == [leaf]
    assert [path.parent for path in found.others] == [other]


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _leaf(tmp_path / "002_S_0413/MP-RAGE/2008-07-31_14_39_56.0/I5", "a_S1_I5.nii")
    scandir = os.scandir

    def refuse(path: Path) -> "os._ScandirIterator[str]":
        if Path(path).name == "I5":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"I5: the folder cannot be read: Permission denied"):
        find_download(tmp_path)


def test_sidecars_are_found_by_image(tmp_path: Path) -> None:
    _leaf(tmp_path / "ADNI/002_S_0413/MP-RAGE/2008-07-31_14_39_56.0/I5", "a_S1_I5.nii")
    sidecar = tmp_path / "ADNI/ADNI_002_S_0413_MP-RAGE_S1_I5.xml"
    for path in (sidecar, tmp_path / "ADNI/other.xml"):
        path.touch()
    assert find_download(tmp_path).sidecars == {5: sidecar}


CLINICAL = ("AGE", "PTGENDER", "PTEDUCAT", "APOE4", "TAU", "TAU censored", "PLASMA_NFL")


def _ordinary(study: Study) -> list[tuple[object, ...]]:
    """Write tables of subjects 1 to 30, each with one scan at baseline: odd ones CN, even ones AD. Returns their rows.

    The diagnosis stands in turn in each column that a phase has used, and in ADNIMERGE. Tau is below the assay's range,
    above it, missing by one code or another, or a number.
    """
    rows: list[tuple[object, ...]] = []
    for rid in range(1, 31):
        ptid, ill = f"{rid % 4 + 2:03}_S_{rid:04}", rid % 2 == 0
        way = rid % 6
        if way == 0:
            study.exam(rid, 3 if ill else 1, column="DIAGNOSIS")
        elif way == 1:
            study.exam(rid, (1, 7, 9)[rid // 6 % 3], code="v03", column="DXCHANGE")
        elif way == 2:
            study.exam(rid, (3.0, 5.0, 6.0)[rid // 6 % 3], code="v03", column="DXCHANGE")
        elif way == 3:
            study.exam(rid, 1, column="DXNORM")
        elif way == 4:
            study.exam(rid, 3)
        sex, years = ("Female", "Male")[rid % 2], rid % 9 + 8
        study.merge(rid, ptid, "CN" if way == 5 else "", age=60 + rid, sex=sex, years=years)
        study.apoe.append((rid, "sc", *((2, 3), (3, 4), (4, 4))[rid % 3]))
        text, tau, flag = (
            ("<30", 30.0, -1.0),
            (">250", 250.0, 1.0),
            (("-4", "", ".", "n/a", "-1", "NA")[rid // 5 % 6], None, None),
            (f"{rid + 40}", rid + 40.0, 0.0),
            ("<LLOQ", None, -1.0),
        )[rid % 5]
        study.csf += [(rid, "bl", "UPENNBIOMK4", 500, 999, 99), (rid, "bl", "MEDIAN", 150 + rid, text, 20)]
        study.nfl.append((rid, "bl", rid + 10))
        who = (ptid, "bl", f"I{1000 + rid}", "2006-03-05", "AD" if ill else "CN", "2006-03-01")
        rows.append((*who, 60 + rid + 0.01, sex, float(years), float(rid % 3), tau, flag, rid + 10.0))
    return rows


def test_every_oddity_of_a_nifti_download_row_by_row(tmp_path: Path) -> None:
    trees, study, progress = Trees(tmp_path / "data"), Study(), Lines()
    ordinary = _ordinary(study)
    for rid in range(1, 31):
        suffix, visit = (".nii.gz" if rid % 7 == 0 else ".nii"), ("sc", "bl", "v01", "scmri", "1", "")[rid % 6]
        trees.loni(f"{rid % 4 + 2:03}_S_{rid:04}", 1000 + rid, visit=visit, suffix=suffix)

    def subject(rid: int, diagnosis: int, ptid: str = "", **how: object) -> str:
        ptid = ptid or f"009_S_{rid:04}"
        study.exam(int(ptid[6:]), diagnosis)
        study.person(int(ptid[6:]), ptid, **how)  # type: ignore[arg-type]
        return ptid

    # 31: every level of processing at once, the repeat and the reprocessed one too. 32: without a scaled one.
    levels = [BEST, "MPR____N3__Scaled", "MPR-R__GradWarp__B1_Correction__N3__Scaled", "MT1__GradWarp__N3m", "MP-RAGE"]
    ptid = subject(31, 1)
    left_31 = [trees.loni(ptid, 2031, description=f"{BEST}_2", series=900)]
    for k, level in enumerate(levels):
        path = trees.loni(ptid, 1031 + 100 * k, description=level, series=500 + k)
        left_31 += [path] if k else []
    ptid = subject(32, 3)
    left_32 = [trees.loni(ptid, 1132, description="MP-RAGE"), trees.loni(ptid, 1232, description="MT1__N3m")]
    trees.loni(ptid, 1032, description="MT1__GradWarp__N3m")
    # 33: masks, segmentations, other sequences. 10034: five digits. 35: a leaf S. 36: a visit that is a number.
    ptid = subject(33, 1)
    trees.loni(ptid, 1033)
    masks = [trees.loni(ptid, 1133, description="MPR_Mask"), trees.loni(ptid, 1233, description="HarP_135_final")]
    others = [
        trees.loni(ptid, 1333, description="Sagittal_3D_FLAIR"),
        trees.loni(ptid, 1433, description="Axial_T2_Star"),
    ]
    trees.loni(subject(34, 3, "301_S_10034"), 1034)
    trees.loni(subject(35, 1), 1035, leaf="S517", series=517)
    ptid = subject(36, 3)
    trees.loni(ptid, 1036, visit="4")
    study.exam(36, 3, 730, visit="m24")
    trees.loni(ptid, 1136, 740, visit="24")
    # 37 and 38: not listed, and 100 or 181 days from the exam. 39: MCI. 40: a visit without diagnosis. 41: no exam.
    far = trees.loni(subject(37, 1), 1037, 100, visit=None)
    beyond = trees.loni(subject(38, 3), 1038, 181, visit=None)
    trees.loni(subject(39, 2), 1039)
    trees.loni(subject(40, 1), 1040, 365, visit="m12")
    study.merge(40, "009_S_0040", "", 365, visit="m12")
    unknown = trees.loni("009_S_0041", 1041, visit=None)
    # 42: VISCODE of the later phase, VISCODE2 counted from the baseline; listed by the former. 43: MCI first, then AD.
    trees.loni(subject(42, 1), 1042, 368, visit="v11")
    study.exam(42, 1, 365, visit="m12", code="v11")
    ptid = subject(43, 2)
    study.exam(43, 5, 180, visit="m06", column="DXCHANGE")
    trees.loni(ptid, 1043), trees.loni(ptid, 1143, 183, visit="m06")
    # 44: listed as baseline, taken ten years later. 45: two field strengths on one level. 46: entered twice alike.
    study.exam(44, 3, 3650, visit="m120")
    contradicted = trees.loni(subject(44, 3), 1044, 3655, visit="init")
    ptid = subject(45, 1)
    strong, _ = trees.loni(ptid, 1145, series=501), trees.loni(ptid, 1045, series=502)
    for number, tesla in ((1145, "3.0"), (1045, "1.5")):
        (tmp_path / f"data/ADNI/ADNI_{ptid}_MR_I{number}.xml").write_text(
            f'<assessmentScore attribute="MMSCORE">29</assessmentScore><protocol term="Field Strength">{tesla}<',
            "utf-8",
        )
    study.exam(46, 3)
    trees.loni(subject(46, 3, years="-4"), 1046)
    # 47: genotypes that differ. 48: DXSUM against ADNIMERGE. 49: screening against baseline.
    trees.loni(subject(47, 1), 1047)
    study.apoe += [(47, "sc", 3, 3), (47, "v02", 3, 4)]
    study.exam(48, 1)
    study.merge(48, "009_S_0048", "MCI")
    trees.loni("009_S_0048", 1048)
    trees.loni(subject(49, 3), 1049)
    study.exam(49, 2, -30, visit="sc")
    # 50: tables without images. 51: a link out of the folder. 52: an empty leaf. Archives. A line without image.
    study.nfl.append((50, "bl", 60))
    outside = trees.loni(subject(51, 1), 1051, visit=None)
    outside.unlink()
    outside.symlink_to(trees.nifti(tmp_path / "elsewhere.nii"))
    empty = trees.loni(subject(52, 3), 1052, visit=None)
    empty.unlink()
    archives = [trees.root / "ADNI/more.tar.gz", trees.root / "ADNI1_Complete.zip"]
    for path in archives:
        path.touch()
    trees.loni("009_S_0033", 9999).unlink()
    (trees.root / "ADNI/009_S_0033" / BEST / "2006-03-05_14_39_56.0/I9999").rmdir()
    trees.listed[3] = (trees.listed[3][0].removeprefix("I"), *trees.listed[3][1:])
    trees.collection()
    study.write(trees)

    cohort = AdniAdTask().scan(trees.root, progress)
    cohort.check()
    odd = expected(
        """
        009_S_0031   bl   I1031 2006-03-05 CN 2006-03-01 70.01 Male 16 - - - -
        009_S_0032   bl   I1032 2006-03-05 AD 2006-03-01 70.01 Male 16 - - - -
        009_S_0033   bl   I1033 2006-03-05 CN 2006-03-01 70.01 Male 16 - - - -
        301_S_10034  bl   I1034 2006-03-05 AD 2006-03-01 70.01 Male 16 - - - -
        009_S_0035   bl   I1035 2006-03-05 CN 2006-03-01 70.01 Male 16 - - - -
        009_S_0036   bl   I1036 2006-03-05 AD 2006-03-01 70.01 Male 16 - - - -
        009_S_0036   m24  I1136 2008-03-10 AD 2008-02-29 72.03 Male 16 - - - -
        009_S_0037   bl   I1037 2006-06-09 CN 2006-03-01 70.27 Male 16 - - - -
        009_S_0042   m12  I1042 2007-03-04 CN 2007-03-01 71.01 Male 16 - - - -
        009_S_0043   m06  I1143 2006-08-31 AD 2006-08-28 70.5  Male 16 - - - -
        009_S_0044   m120 I1044 2016-03-03 AD 2016-02-27 80.01 Male 16 - - - -
        009_S_0045   bl   I1045 2006-03-05 CN 2006-03-01 70.01 Male 16 - - - -
        009_S_0046   bl   I1046 2006-03-05 AD 2006-03-01 70.01 Male -  - - - -
        009_S_0047   bl   I1047 2006-03-05 CN 2006-03-01 70.01 Male 16 - - - -
        009_S_0048   bl   I1048 2006-03-05 CN 2006-03-01 70.01 Male 16 - - - -
        009_S_0049   bl   I1049 2006-03-05 AD 2006-03-01 70.01 Male 16 - - - -
        """
    )
    assert rows(cohort, *CLINICAL) == sorted([*ordinary, *odd], key=lambda row: (str(row[0]), str(row[1])))
    notes = found(cohort.findings)
    assert sorted(notes.pop("duplicate-scan")) == sorted(map(str, [*left_31, *left_32, strong]))
    assert sorted(notes.pop("mask")) == sorted(str(path.parent) for path in masks)
    assert sorted(notes.pop("other-sequence")) == _counted(others)
    assert sorted(notes.pop("no-visit")) == sorted(map(str, [beyond, unknown]))
    assert len(notes.pop("scan-without-biospecimen")) == 15
    assert notes == {
        "archive-not-opened": [str(path) for path in archives],
        "link-outside": [str(outside)],
        "empty-leaf": [str(empty.parent)],
        "listed-without-image": ["I9999"],
        "date-order": [
            "ADNIMERGE_12Feb2024.csv: no number above 12 shows the order; read as M/D/YYYY, as ADNI writes dates"
        ],
        "far-visit": [f"{far}: 100 days"],
        "visit-contradicted": [f"{contradicted}: bl"],
        "other-diagnosis": ["009_S_0039_bl_I1039", "009_S_0043_bl_I1043"],
        "no-diagnosis": ["009_S_0040_m12_I1040"],
        "diagnosis-differs": ["48 at bl: CN, MCI"],
        "genotype-differs": ["47"],
        "older-table": [str(trees.root / "Study_Data/ADNIMERGE_01Jan2020.csv")],
        "other-scale": ["UPENNBIOMK9_04_19_17_12Feb2024.csv"],
        "row-without-scan": ["50"],
    }
    assert progress.said == [
        f"{trees.root}: a LONI download: 59 images of 49 subjects in ADNI, 8 tables in Study_Data",
        "diagnosis from DXSUM_PDXCONV_ADNIALL and ADNIMERGE; clinical columns: 3 from ADNIMERGE, 1 from APOERES, "
        "3 from UPENNBIOMK_MASTER, 1 from BLENNOWPLASMANFL",
        "kept 46 scans of 45 subjects, one per visit, with 12 clinical columns",
    ]


def test_every_oddity_of_a_dicom_download_row_by_row(tmp_path: Path) -> None:
    """Without a collection list: dates decide."""
    trees, study, progress = Trees(tmp_path), Study(), Lines()
    ordinary = _ordinary(study)
    for rid in range(1, 31):
        leaf = f"S{500 + rid}" if rid % 3 else f"I{1000 + rid}"  # older and newer downloads
        trees.dicom(f"{rid % 4 + 2:03}_S_{rid:04}", leaf, number=1000 + rid, series=500 + rid)

    def subject(rid: int, diagnosis: int, ptid: str = "") -> str:
        ptid = ptid or f"009_S_{rid:04}"
        study.exam(int(ptid[6:]), diagnosis)
        study.person(int(ptid[6:]), ptid)
        return ptid

    # 31: file names without ids, in a leaf of either kind. 10033: five digits. 34: the lowest series; a repeat.
    trees.dicom(subject(31, 1), "S531")
    trees.dicom(subject(32, 3), "I1032")
    trees.dicom(subject(33, 1, "301_S_10033"), "S533", number=1033, series=533)
    ptid = subject(34, 3)
    left = [trees.dicom(ptid, "S536", number=1134, series=536)]
    left += [trees.dicom(ptid, "S520", number=1234, series=520, description="MP-RAGE_REPEAT")]
    trees.dicom(ptid, "S534", number=1034, series=534)
    # 35: two field strengths in the headers; the weaker is ADNI1's. 36: NIfTI as processed beside DICOM as acquired.
    ptid = subject(35, 1)
    left += [trees.dicom(ptid, "S530", number=1135, series=530, tesla=3.0)]
    weak = trees.dicom(ptid, "S535", number=1035, series=535, tesla=1.5)
    ptid = subject(36, 3)
    left += [trees.dicom(ptid, "S536", number=1136, series=536)]
    trees.loni(ptid, 1036, visit=None)
    # 37: other sequences, masks, an empty leaf, an archive instead of files. 38: MCI. 39: no exam near. 40: two visits.
    ptid = subject(37, 1)
    trees.dicom(ptid, "S537", number=1037, series=537)
    others = [
        trees.dicom(ptid, "S538", description="Axial_PD_T2_FSE"),
        trees.dicom(ptid, "S539", description="B1-calibration_Head"),
    ]
    mask = trees.dicom(ptid, "S540", description="MPR_Mask")
    empty = [trees.dicom(ptid, "S541", slices=0), trees.dicom(ptid, "S542", slices=0)]
    (empty[1] / "slices.zip").touch()
    trees.dicom(subject(38, 2), "S538", number=1038, series=538)
    beyond = trees.dicom(subject(39, 3), "S539", -181, number=1039, series=539)
    ptid = subject(40, 1)
    study.exam(40, 1, 365, visit="m12", code="v11")
    trees.dicom(ptid, "S540", number=1040, series=540)
    trees.dicom(ptid, "S541", 270, number=1140, series=541)
    # 41: a slice that is a link out of the folder: the series is left out. 42: a plain one more.
    series = trees.dicom(subject(41, 3), "S541", number=1041, series=541)
    (series / "4.dcm").symlink_to(tmp_path.parent)
    trees.dicom(subject(42, 3), "I1042", number=1042, series=542)
    study.write(trees, "tables/2024")

    cohort = AdniAdTask().scan(tmp_path, progress)
    cohort.check()
    odd = expected(
        """
        009_S_0031  bl  S531  2006-03-05 CN 2006-03-01 70.01 Male 16 - - - -
        009_S_0032  bl  I1032 2006-03-05 AD 2006-03-01 70.01 Male 16 - - - -
        301_S_10033 bl  I1033 2006-03-05 CN 2006-03-01 70.01 Male 16 - - - -
        009_S_0034  bl  I1034 2006-03-05 AD 2006-03-01 70.01 Male 16 - - - -
        009_S_0035  bl  I1035 2006-03-05 CN 2006-03-01 70.01 Male 16 - - - -
        009_S_0036  bl  I1036 2006-03-05 AD 2006-03-01 70.01 Male 16 - - - -
        009_S_0037  bl  I1037 2006-03-05 CN 2006-03-01 70.01 Male 16 - - - -
        009_S_0040  bl  I1040 2006-03-05 CN 2006-03-01 70.01 Male 16 - - - -
        009_S_0040  m12 I1140 2006-11-26 CN 2007-03-01 70.74 Male 16 - - - -
        009_S_0042  bl  I1042 2006-03-05 AD 2006-03-01 70.01 Male 16 - - - -
        """
    )
    assert rows(cohort, *CLINICAL) == sorted([*ordinary, *odd], key=lambda row: (str(row[0]), str(row[1])))
    notes = found(cohort.findings)
    assert sorted(notes.pop("duplicate-scan")) == sorted(map(str, left))
    assert sorted(notes.pop("other-sequence")) == _counted(others)
    assert sorted(notes.pop("empty-leaf")) == sorted(map(str, empty))
    assert len(notes.pop("scan-without-biospecimen")) == 9
    assert notes == {
        "mask": [str(mask)],
        "archive-not-opened": [str(empty[1] / "slices.zip")],
        "link-outside": [str(series / "4.dcm")],
        "no-visit": [str(beyond)],
        "date-order": [
            "ADNIMERGE_12Feb2024.csv: no number above 12 shows the order; read as M/D/YYYY, as ADNI writes dates"
        ],
        "far-visit": [f"{tmp_path}/ADNI/009_S_0040/MP-RAGE/2006-11-26_14_39_56.0/S541: 95 days"],
        "other-diagnosis": ["009_S_0038_bl_I1038"],
        "older-table": [str(tmp_path / "tables/2024/ADNIMERGE_01Jan2020.csv")],
        "other-scale": ["UPENNBIOMK9_04_19_17_12Feb2024.csv"],
    }
    assert progress.said[0] == f"{tmp_path}: a LONI download: 46 images of 41 subjects in ADNI, 7 tables in tables/2024"
    volume = read(Path(cohort.scans["image"][cohort.scans["image_id"] == "I1035"].iloc[0]))
    assert volume.path == weak
    # pydicom's array has rows first, and runs to the patient's left and back, where RAS runs right and forward.
    stored = trees.voxels[:, :, :3].astype("uint16").transpose(1, 0, 2)[::-1, ::-1]
    assert volume.data.tolist() == stored.tolist()
    assert volume.spacing == (1, 1, 2)


def test_adnipy_reads_the_same_out_of_a_collection_list(tmp_path: Path) -> None:
    trees = Trees(tmp_path)
    visits = ["sc", "m06", "m12", "bl", "v11", "y1", "3"]
    for k in range(42):
        ptid = f"{k % 5 + 2:03}_S_{k + 100:04}"
        trees.loni(ptid, 5000 + k, 37 * k, visit=visits[k % 7])
    path = trees.collection()
    theirs = adnipy.read_csv(path).adni.standard_column_names()
    theirs = theirs.set_index("Image ID").sort_index()
    images = {image.image_id: image for image in find_download(tmp_path).images}
    assert list(theirs.index) == sorted(images)
    assert theirs["Subject ID"].to_dict() == {key: image.subject for key, image in images.items()}
    assert theirs["RID"].astype(int).to_dict() == {key: image.rid for key, image in images.items()}
    days = pd.to_datetime(theirs["SCANDATE"]).dt.date  # its own conversion does not work with this pandas
    assert days.to_dict() == {key: image.acquired for key, image in images.items()}
    listed = read_lists([path])["visit"]
    assert {f"I{number}": visit for number, visit in listed.items()} == theirs["Visit"].to_dict()
