import os
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from fusekit.errors import DataError
from fusekit_adni.images import Image
from fusekit_adni.layouts import find_download
from fusekit_adni.loni import read_visits

SCALED = "MPR__GradWarp__B1_Correction__N3__Scaled"
HEADER = '"Image Data ID","Subject","Group","Sex","Age","Visit","Modality","Description"\n'


def _leaf(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def _image(description: str, series: int = 5, number: int = 7) -> Image:
    return Image("002_S_0413", description, date(2008, 7, 31), number, series, Path("x.nii"))


def _list(folder: Path, *rows: tuple[str, str], name: str = "ADNI1_Complete_1Yr_1.5T_2_12_2024.csv") -> Path:
    lines = [f'"{image}","002_S_0413","CN","M","76","{visit}","MRI","MPR"\n' for image, visit in rows]
    (folder / name).write_text(HEADER + "".join(lines), encoding="utf-8")
    return folder / name


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


def test_visits_of_collection_lists_with_and_without_the_letter(tmp_path: Path) -> None:
    first = _list(tmp_path, ("I120917", "sc"), ("30001", "m06"))
    second = _list(tmp_path, ("I7", "3"), name="more.csv")
    other = tmp_path / "DXSUM.csv"
    other.write_text("RID,VISCODE\n1,bl\n", encoding="utf-8")
    assert read_visits([first, other, second]).to_dict() == {120917: "sc", 30001: "m06", 7: "3"}
    assert read_visits([other]).empty


def test_an_id_that_is_none_is_named_with_file_and_line(tmp_path: Path) -> None:
    path = _list(tmp_path, ("I120917", "sc"), ("D30001", "m06"))
    with pytest.raises(DataError, match=rf"{path}, line 3, column 'Image Data ID': 'D30001' is no image id"):
        read_visits([path])


def test_a_collection_list_without_a_column_it_needs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text('"Image Data ID","Subject"\n"I1","002_S_0413"\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"list.csv.*'Visit'"):
        read_visits([path])


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
    other = _leaf(tmp_path / "002_S_0413/ADNI/2008-07-31_14_39_56.0/I5", "ADNI_002_S_0413_PT_ADNI_Br_1_S1_I5.nii")
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


def test_an_image_in_another_subjects_folder_is_refused(tmp_path: Path) -> None:
    path = _list(tmp_path, ("I120917", "sc"), ("30001", "m06"))
    assert len(read_visits([path], {120917: "002_S_0413", 9: "002_S_0999"})) == 2
    with pytest.raises(DataError, match=r"line 3.*image I30001 is listed for 002_S_0413.*folder of 002_S_0999"):
        read_visits([path], {120917: "002_S_0413", 30001: "002_S_0999"})
