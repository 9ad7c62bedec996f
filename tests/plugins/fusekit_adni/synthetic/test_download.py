from __future__ import annotations

import csv
import json
import os
import re
from collections import Counter
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from fusekit.data import read
from fusekit.progress import Quiet
from fusekit_adni.converter_task import MciConverterTask
from fusekit_adni.download.layouts import find_download
from fusekit_adni.download.lists import read_lists
from fusekit_adni.synthetic import download
from fusekit_adni.synthetic.download import write_download, write_followup
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
    assert set(read_lists(find_download(many).tables)["visit"]) == {"sc", "m12"}


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


#: What a code of DXSUM means, written down again: 1 CN, 2 MCI, 3 AD.
CHANGE = {1: 1, 2: 2, 3: 3, 4: 2, 5: 3, 6: 3, 7: 1, 8: 2, 9: 1}


def _touch(scan: download._Scan) -> None:
    scan.path.parent.mkdir(parents=True)
    scan.path.touch()


def _write_noise(scan: download._Scan) -> None:
    import nibabel

    nib: Any = nibabel  # its functions have no types
    scan.path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(scan.seed).integers(0, 1000, (16, 30, 16)).astype(np.int16)
    nib.save(
        nib.Nifti1Image(noise, np.diag([8.0, 6.0, 8.0, 1.0]) + np.array([[0, 0, 0, -60.0]] * 3 + [[0] * 4])), scan.path
    )


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 people with MCI, whose image files are empty."""
    folder = tmp_path_factory.mktemp("followed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(download, "_write_scan", _touch)
        write_followup(folder, Quiet(), seed=5, subjects=300)
    return folder


def _table(folder: Path, name: str) -> pd.DataFrame:
    (path,) = (folder / "Study_Data").glob(f"{name}_*.csv")
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def recount(folder: Path) -> dict[str, set[int]]:
    """Who becomes what under the default rule, from the written tables alone and in another way: word by word."""
    words: dict[int, dict[int, int]] = {}
    for row in _table(folder, "DXSUM_PDXCONV_ADNIALL").to_dict("records"):
        month = 0 if row["VISCODE2"] == "bl" else int(row["VISCODE2"][1:])
        code = CHANGE.get(int(row["DXCHANGE"])) or {1: 1, 2: 2, 3: 3}.get(int(row["DXCURREN"]))
        if code:
            words.setdefault(int(row["RID"]), {})[month] = code
    for row in _table(folder, "ADNIMERGE").to_dict("records"):  # fills in what the other does not know
        code = {"CN": 1, "MCI": 2, "Dementia": 3}.get(row["DX"])
        if code:
            words.setdefault(int(row["RID"]), {}).setdefault(int(row["M"]), code)
    found: dict[str, set[int]] = {}
    with_scan = {int(path.name.rpartition("_")[2]) for path in (folder / "ADNI").iterdir()}
    for rid in with_scan:
        own = words.get(rid, {})
        told = "".join(str(own[month]) for month in sorted(own))
        within = "".join(str(own[month]) for month in sorted(own) if month <= 36)
        if 0 not in own:
            what = "no-baseline-diagnosis"
        elif told[0] != "2":
            what = "not-mci"
        elif "1" in told or "32" in told:
            what = "reverted"
        elif "3" in told:
            what = "progressive" if "3" in within else "late-conversion"
        else:
            what = "stable" if max(own) >= 36 else "short-follow-up"
        found.setdefault(what, set()).add(rid)
    return found


REASONS = ("no-baseline-diagnosis", "not-mci", "reverted", "late-conversion", "short-follow-up")


def test_the_task_reads_from_the_tables_what_stands_in_them(followed: Path) -> None:
    cohort = MciConverterTask().scan(followed, Quiet())
    cohort.check()
    expected = recount(followed)
    rids = cohort.scans["subject"].str.rpartition("_")[2].astype(int)
    assert set(rids[cohort.scans["label"] == 0]) == expected["stable"]
    assert set(rids[cohort.scans["label"] == 1]) == expected["progressive"]
    listed = {
        finding.code: {int(item.partition(":")[0].rpartition("_")[2]) for item in finding.items}
        for finding in cohort.findings
        if finding.code in REASONS
    }
    assert listed == {code: expected[code] for code in REASONS}
    assert min(len(expected[code]) for code in REASONS) >= 2
    assert set(cohort.scans["visit"]) == {"bl"}


def test_the_phases_write_diagnoses_each_in_its_own_way(followed: Path) -> None:
    table = _table(followed, "DXSUM_PDXCONV_ADNIALL")
    first, second = table[table["Phase"] == "ADNI1"], table[table["Phase"] == "ADNI2"]
    assert set(first["DXCHANGE"]) == {"-4"}
    assert set(first["DXCURREN"]) == {"1", "2", "3", "-4"}
    assert set(second["DXCURREN"]) == {"-4"}
    assert set(second["DXCHANGE"]) >= {"1", "2", "3", "4", "5", "7"}
    assert {"v03", "v05", "v11", "v21", "v31", "v41", "v06"} <= set(second["VISCODE"])
    assert (second.loc[second["VISCODE"] == "v06", "VISCODE2"] == "m48").all()
    assert 0.005 < table.duplicated().mean() < 0.04


def test_a_change_leads_from_the_last_diagnosis_to_this_one(followed: Path) -> None:
    table = _table(followed, "DXSUM_PDXCONV_ADNIALL").drop_duplicates()
    entered = table.groupby("RID")["Phase"].first()
    table = table[table["RID"].map(entered) == "ADNI2"]
    before = {4: 1, 5: 2, 6: 1, 7: 2, 8: 3, 9: 3, 1: 1, 2: 2, 3: 3}
    seen: Counter[int] = Counter()
    for _, own in table.groupby("RID"):
        codes = [int(code) for code in own.sort_values("EXAMDATE")["DXCHANGE"] if code != "-4"]
        for earlier, later in pairwise(codes):
            assert before[later] == CHANGE[earlier]
            seen[later] += 1
    assert seen[5] > 20
    assert seen[7] > 2


def test_it_is_a_task_as_tasks_should_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fusekit.testing import check_task

    monkeypatch.setattr(download, "_write_scan", _write_noise)
    cohort = check_task(MciConverterTask(), tmp_path, subjects=20)
    assert {"phase", "origin", "diagnosis_date"} <= set(cohort.groups)


def test_a_followup_says_of_itself_what_it_is(followed: Path) -> None:
    text = (followed / "README.txt").read_text(encoding="utf-8")
    assert text.startswith("SYNTHETIC COHORT: nobody in this folder is real.")
    assert "seed 5, 300 subjects with MCI at baseline" in text


def test_the_whole_task_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cohort written, read, trained and tested; who was left out stands in the manifest."""
    from fusekit.cli import program
    from fusekit.extension import catalog

    monkeypatch.setenv("FUSEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "_write_scan", _write_noise)  # brains take seconds each
    arguments = ["--backbone", "test_resnet", "--image-size", "32", "--epochs", "1", "--fusion", "concat"]
    arguments += ["--explain", "none"]
    columns = tmp_path / "columns.toml"
    columns.write_text('people = ["AGE"]\n[[column]]\ntable = "APOERES"\ncolumn = "APGEN2"\nname = "second allele"\n')
    arguments += ["-o", "synthetic.subjects=40", "--clinical", str(columns), "--out", str(tmp_path / "run")]
    run = CliRunner().invoke(program(catalog()), ["run", "mci-converter", *arguments], catch_exceptions=False)
    assert run.exit_code == 0, run.output
    (folder,) = {path.parent for path in (tmp_path / "cache").rglob("Study_Data")}
    expected = recount(folder)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))
    counts = {finding["code"]: finding["count"] for finding in manifest["findings"]}
    assert {code: counts.get(code, 0) for code in REASONS} == {code: len(expected.get(code, ())) for code in REASONS}
    assert manifest["config"]["options"]["task"] == {"clinical": str(columns)}
    described = [json.loads(path.read_text("utf-8")) for path in (tmp_path / "run").rglob("bundle.json")]
    assert [column["name"] for column in described[0]["clinical"]["columns"]] == ["AGE", "second allele"]
    predictions = pd.read_csv(tmp_path / "run" / "predictions.csv")
    tested = predictions["subject"].str.rpartition("_")[2].astype(int)
    assert set(tested[predictions["label"] == 1]) <= expected["progressive"]
    assert set(tested[predictions["label"] == 0]) <= expected["stable"]
