import csv
import os
import re
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusekit.data import read
from fusekit.progress import Quiet
from fusekit_adni.download.layouts import find_download
from fusekit_adni.download.loni import read_visits
from fusekit_adni.synthetic import download
from fusekit_adni.synthetic.download import write_download
from fusekit_adni.synthetic.subjects import Strengths, draw_subjects
from fusekit_adni.task import AdniAdTask


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve people with CN or AD, written by one thread."""
    folder = tmp_path_factory.mktemp("twelve")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
        write_download(folder, Quiet(), seed=2, subjects=12)
    return folder


def _collection(folder: Path) -> list[dict[str, str]]:
    (path,) = folder.glob("ADNI1_Complete_*.csv")
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_same_seed_gives_the_same_bytes_however_many_threads_write(
    twelve: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    write_download(tmp_path, Quiet(), seed=2, subjects=12)
    first, again = _bytes(twelve), _bytes(tmp_path)
    assert first.keys() == again.keys()
    assert [name for name in first if first[name] != again[name]] == []


def test_it_is_read_back_with_the_labels_that_were_drawn(twelve: Path) -> None:
    cohort = AdniAdTask().scan(twelve, Quiet())
    cohort.check()
    truth = draw_subjects(np.random.default_rng(np.random.SeedSequence(2).spawn(3)[0]), 12, Strengths())
    truth = truth.set_index("ptid")
    listed = {row["Subject"]: row["Group"] for row in _collection(twelve)}
    assert set(cohort.scans["subject"]) == {subject for subject, group in listed.items() if group != "MCI"}
    for subject, label in cohort.scans[["subject", "label"]].itertuples(index=False, name=None):
        assert cohort.classes[label] == truth.loc[subject, "diagnosis"] == listed[subject]
    baseline = cohort.scans["visit"] == "bl"
    drawn = truth.loc[cohort.scans.loc[baseline, "subject"]]
    read_back = cohort.clinical[baseline]
    assert (read_back["PTGENDER"].to_numpy() == drawn["sex"].to_numpy()).all()
    np.testing.assert_allclose(read_back["AGE"], drawn["age"], atol=0.06)  # days between exam and scan
    known = read_back["APOE4"].notna().to_numpy()
    np.testing.assert_array_equal(read_back["APOE4"][known], drawn["alleles"][known])


def test_every_scan_is_a_brain(twelve: Path) -> None:
    images = find_download(twelve).images
    assert len(images) == len(_collection(twelve))
    for image in images[:3]:
        volume = read(image.path)
        assert volume.data.shape == (93, 75, 85)
        assert volume.data.std() > 50


def test_it_says_of_itself_what_it_is(twelve: Path) -> None:
    text = (twelve / "README.txt").read_text(encoding="utf-8")
    assert text.startswith("SYNTHETIC COHORT: nobody in this folder is real.")
    assert "seed 2, 12 subjects" in text
    assert "image effect 1, table effect 1, interaction 1" in text


def test_another_seed_gives_other_people(many: Path, null: Path, twelve: Path) -> None:
    assert {row["Subject"] for row in _collection(twelve)} != {row["Subject"] for row in _collection(many)[:13]}
    # Strengths change what is seen, not who is there: paths, visits and dates stay.
    names = ["Image Data ID", "Subject", "Group", "Visit", "Acq Date", "Description"]
    first, second = ([[row[name] for name in names] for row in _collection(folder)] for folder in (many, null))
    assert first == second


def test_the_layout_is_that_of_the_archive(many: Path) -> None:
    rows = {row["Image Data ID"].lstrip("I"): row for row in _collection(many)}
    images = find_download(many).images
    assert {image.number for image in images} == set(map(int, rows))
    for image in images[:200]:
        row = rows[str(image.number)]
        assert image.subject == row["Subject"]
        assert image.description == row["Description"].replace(";", "_").replace(" ", "_")
        month, day, year = map(int, row["Acq Date"].split("/"))
        assert image.acquired == date(year, month, day)
        expected = rf"ADNI_{image.subject}_MR_{image.description}_Br_\d{{17}}_S{image.series}_I{image.number}\.nii"
        assert re.fullmatch(expected, image.path.name)
        assert image.path.parent.name == f"I{image.number}"
    ids = {row["Image Data ID"][0] for row in rows.values()}
    assert "I" in ids
    assert ids - {"I"}  # some without the letter
    assert set(read_visits(find_download(many).tables)) == {"sc", "m12"}


def test_processing_levels_repeats_later_visits_and_people_without_scans(many: Path) -> None:
    rows = _collection(many)
    people = pd.read_csv(next((many / "Study_Data").glob("APOERES_*")))["RID"].nunique() / 0.98
    scanned = {row["Subject"] for row in rows}
    assert 1 - len(scanned) / people == pytest.approx(0.015, abs=0.01)
    shares = {name: count / len(scanned) for name, count in Counter(row["Description"] for row in rows).items()}
    assert shares.pop(download.SCALED) == pytest.approx(1.06, abs=0.02)
    assert set(shares) == set(download.EXTRAS)
    assert list(shares.values()) == pytest.approx([0.05] * 3, abs=0.02)
    assert sum(row["Visit"] == "m12" for row in rows) / len(scanned) == pytest.approx(0.06, abs=0.02)
    cohort = AdniAdTask(visits="baseline").scan(many, Quiet())
    assert (cohort.scans["image"].map(lambda path: "N3__Scaled" in path.name and "MPR-R" not in path.name)).all()


def test_what_is_written_of_an_image_does_not_depend_on_the_diagnosis() -> None:
    people = draw_subjects(np.random.default_rng(5), 6000, Strengths(0, 0, 0))
    people["baseline"] = pd.Timestamp("2006-01-01").date()
    images = list(download._images(np.random.default_rng(6), people))
    table = pd.DataFrame({"subject": i.row[1], "group": i.row[2], "turned": i.orientation != "RAS"} for i in images)
    each = table.groupby("subject").agg(group=("group", "first"), turned=("turned", "first"), count=("group", "size"))
    each = people.set_index("ptid")[["diagnosis"]].join(each)
    for name, values in {
        "turned": each["turned"].astype(float),
        "images": each["count"],
        "scanned": each["count"].notna().astype(float),
    }.items():
        ill, well = values[each["diagnosis"] == "AD"].dropna(), values[each["diagnosis"] == "CN"].dropna()
        error = (ill.var() / len(ill) + well.var() / len(well)) ** 0.5
        assert abs(ill.mean() - well.mean()) < 4 * error, name
    assert each["turned"].dropna().mean() == pytest.approx(0.3, abs=0.02)
