from pathlib import Path

import pytest

from fusekit.errors import DataError
from fusekit_adni.download.lists import read_lists
from fusekit_adni.labels.visits import canonical

HEADER = '"Image Data ID","Subject","Group","Sex","Age","Visit","Modality","Description"\n'


def _list(folder: Path, *rows: tuple[str, str], name: str = "ADNI1_Complete_1Yr_1.5T_2_12_2024.csv") -> Path:
    lines = [f'"{image}","002_S_0413","CN","M","76","{visit}","MRI","MPR"\n' for image, visit in rows]
    (folder / name).write_text(HEADER + "".join(lines), encoding="utf-8")
    return folder / name


def test_visits_of_collection_lists_with_and_without_the_letter(tmp_path: Path) -> None:
    first = _list(tmp_path, ("I120917", "sc"), ("30001", "m06"))
    second = _list(tmp_path, ("I7", "3"), name="more.csv")
    other = tmp_path / "DXSUM.csv"
    other.write_text("RID,VISCODE\n1,bl\n", encoding="utf-8")
    assert read_lists([first, other, second])["visit"].to_dict() == {120917: "sc", 30001: "m06", 7: "3"}
    assert read_lists([other]).empty


def test_an_id_that_is_none_is_named_with_file_and_line(tmp_path: Path) -> None:
    path = _list(tmp_path, ("I120917", "sc"), ("D30001", "m06"))
    with pytest.raises(DataError, match=rf"{path}, line 3, column 'Image Data ID': 'D30001' is no image id"):
        read_lists([path])


def test_a_collection_list_without_a_column_it_needs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text('"Image Data ID","Subject"\n"I1","002_S_0413"\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"list.csv.*'Visit'"):
        read_lists([path])


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("image_id,subject_id,image_visit,image_date,mri_field_str", "120917,002_S_0413,4_m06,2024-07-31,3.0"),
        ("subject_id,image_id,mri_visit,mri_date", "002_S_0413,I120917,m06,2024-07-31"),
        ("Subject ID,Project,Visit,Image ID", "002_S_0413,ADNI,ADNI1/GO Month 6,120917"),
        ("image_id,subject_id,VISCODE2", "120917,002_S_0413,m06"),
    ],
)
def test_lists_of_the_new_platform_and_of_searches(tmp_path: Path, header: str, row: str) -> None:
    path = tmp_path / "All_Subjects_Key_MRI_12Feb2026.csv"
    path.write_text(f"{header}\n{row}\n", encoding="utf-8")
    assert read_lists([path])["visit"].map(canonical).to_dict() == {120917: "m06"}


def test_an_image_in_another_subjects_folder_is_refused(tmp_path: Path) -> None:
    path = _list(tmp_path, ("I120917", "sc"), ("30001", "m06"))
    assert len(read_lists([path], {120917: "002_S_0413", 9: "002_S_0999"})) == 2
    with pytest.raises(DataError, match=r"line 3.*image I30001 is listed for 002_S_0413.*folder of 002_S_0999"):
        read_lists([path], {120917: "002_S_0413", 30001: "002_S_0999"})


@pytest.mark.parametrize(
    ("column", "cell", "tesla"),
    [
        ("mri_field_str", "3.0", 3.0),
        ("mri_field_str", "1.494", 1.5),
        ("mri_field_strength", "2.89", 3.0),
        ("mri_field_strength", "3T", 3.0),
        ("mri_field_str", "7", 7.0),
        ("mri_field_str", "0.5", 0.5),
        ("Imaging Protocol", "Acquisition Plane=SAGITTAL;Field Strength=1.5;Weighting=T1", 1.5),
        ("Imaging Protocol", "Acquisition Plane=SAGITTAL;Weighting=T1", None),
        ("mri_field_str", "", None),
        ("mri_field_str", "high", None),
    ],
)
def test_the_field_strength_of_each_image(tmp_path: Path, column: str, cell: str, tesla: float | None) -> None:
    path = tmp_path / "Key_MRI.csv"
    path.write_text(f"image_id,subject_id,mri_visit,{column}\n7,002_S_0413,bl,{cell}\n", encoding="utf-8")
    assert read_lists([path])["tesla"].dropna().to_dict() == ({} if tesla is None else {7: tesla})


def test_of_two_lists_each_says_what_the_other_does_not(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("image_id,subject_id,mri_visit,mri_field_str\n7,002_S_0413,,3.0\n", "utf-8")
    (tmp_path / "two.csv").write_text('"Image Data ID","Subject","Visit"\n"I7","002_S_0413","m06"\n', "utf-8")
    for order in (["one", "two"], ["two", "one"]):
        listed = read_lists([tmp_path / f"{name}.csv" for name in order])
        assert listed[["visit", "tesla"]].to_dict("index") == {7: {"visit": "m06", "tesla": 3.0}}


def test_a_visit_that_is_a_number_gives_way_to_one_that_says_a_time(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text('"Image Data ID","Subject","Visit"\n"I7","002_S_0413","2"\n', "utf-8")
    (tmp_path / "two.csv").write_text('"Image Data ID","Subject","Visit"\n"I7","002_S_0413","m06"\n', "utf-8")
    for order in (["one", "two"], ["two", "one"]):
        assert read_lists([tmp_path / f"{name}.csv" for name in order])["visit"].to_dict() == {7: "m06"}


def test_tables_of_visits_and_of_pet_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    (tmp_path / "Key_PET.csv").write_text("image_id,subject_id,pet_visit\n8,002_S_0413,bl\n", "utf-8")
    (tmp_path / "My_Table.csv").write_text("subject_id,image_id,MMSCORE\n002_S_0413,9.0,29\n002_S_0413,,30\n", "utf-8")
    listed = read_lists([tmp_path / "Key_PET.csv", tmp_path / "My_Table.csv"])
    assert listed["visit"].fillna("").to_dict() == {8: "bl", 9: ""}
    assert not listed["whole"].any()


def test_the_list_of_all_images_of_the_first_phases_is_read(tmp_path: Path) -> None:
    path = tmp_path / "MRILIST.csv"
    path.write_text("TYPE,SUBJECT,VISIT,MAGSTRENGTH,IMAGEUID\nOriginal,002_S_0413,Month 6,1.5,7\n", "utf-8")
    (tmp_path / "ADNIMERGE.csv").write_text("RID,PTID,VISCODE,IMAGEUID\n413,002_S_0413,bl,7\n", "utf-8")
    listed = read_lists([path, tmp_path / "ADNIMERGE.csv"])
    assert listed[["visit", "tesla"]].to_dict("index") == {7: {"visit": "Month 6", "tesla": 1.5}}


def test_every_visit_that_lists_give_an_image_is_kept(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text('"Image Data ID","Subject","Visit"\n"I7","002_S_0413","m06"\n', "utf-8")
    (tmp_path / "two.csv").write_text("image_id,subject_id,mri_visit\n7,002_S_0413,bl\n8,002_S_0413,\n", "utf-8")
    listed = read_lists([tmp_path / "one.csv", tmp_path / "two.csv"])
    assert listed["visits"].to_dict() == {7: ("m06", "bl"), 8: ()}
