"""Runs side by side: what may stand together, what may not, and what comes of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fusekit import Run
from fusekit.data import Cohort
from fusekit.errors import DataError
from fusekit.evaluation.cohorts.table_one import table_one
from fusekit.experiment.evidence import gather_evidence, write_report
from fusekit.report.figures.sections import SECTIONS
from fusekit.report.kept import RECORD, fingerprint, is_current, run_folders
from fusekit.report.page.verdict import verdict
from tests.fake_runs import fake_runs


def change(run: Path, **entries: Any) -> None:
    path = run / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def runs_in(folder: Path, **given: Any) -> list[Run]:
    return [Run(path) for path in fake_runs(folder, **{"subjects": 40, "ablations": False, **given})]


def test_arms_keep_their_order_and_seeds_are_joined(tmp_path: Path) -> None:
    runs = runs_in(tmp_path, arms=["rbca", "image-only", "gbdt"], seeds=2, subjects=30)
    evidence = gather_evidence(runs[::-1])
    assert [arm.name for arm in evidence.arms] == ["gbdt", "image-only", "rbca"]
    assert all([run.seed for run in arm.runs] == [0, 1] for arm in evidence.arms)
    assert [sorted(arm.reads) for arm in evidence.arms] == [["table"], ["image"], ["image", "table"]]
    for run in runs[-2:]:  # of gbdt
        change(run.folder, reads=["table", "image"])
    assert gather_evidence([Run(run.folder) for run in runs[-2:]]).arms[0].fuses
    row = evidence.score("rbca", "auc")
    assert row is not None
    values = [run.metrics.query("level == 'subject' and metric == 'auc'")["value"].item() for run in runs[:2]]
    assert row["value"] == pytest.approx(sum(values) / 2)
    assert row["spread"] == pytest.approx(abs(values[0] - values[1]) / 2**0.5)


def test_a_planted_effect_is_found_and_said(tmp_path: Path) -> None:
    reads = {"clinical-only": ("APOE",), "rbca": ("image", "CSF", "APOE"), "logistic": ("APOE",)}
    arms = ["clinical-only", "rbca", "logistic"]
    noise = dict.fromkeys(arms, 0.1)
    answer = verdict(gather_evidence(runs_in(tmp_path, arms=arms, reads=reads, noise=noise, subjects=200)))
    assert answer.kind == "helps"
    assert answer.sentences[0].startswith("rbca predicts better than every arm of one modality")


def test_where_nothing_differs_nothing_is_claimed(tmp_path: Path) -> None:
    same = ("image", "CSF", "APOE")
    arms = ["clinical-only", "rbca", "logistic"]
    evidence = gather_evidence(runs_in(tmp_path, arms=arms, reads=dict.fromkeys(arms, same), subjects=200))
    changed = [arm.reads for arm in evidence.arms]
    assert {"image", "table"} in changed
    for row in evidence.pairs.to_dict("records"):
        assert row["p_holm"] > 0.05
    # The manifest of the first arm says that it reads both, as it does here; the baseline is what is left to beat.
    assert verdict(evidence).kind == "undecided"


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        ({"task": {"name": "hmi", "title": "t", "classes": ["CN", "AD"]}}, "the task: adni-ad and hmi"),
        ({"task": {"name": "adni-ad", "title": "t", "classes": ["NC", "AD"]}}, "the classes"),
        ({"synthetic": False}, "whether the cohort is synthetic"),
        ({"evaluation": {"aggregate": "vote"}}, "how slices become subjects: mean and vote"),
        ({"data": {"fingerprint": {"labels": "f" * 64}}}, "the SHA-256 of the cohort's labels: 000000000000 and ffff"),
    ],
)
def test_runs_that_asked_something_else_are_refused(tmp_path: Path, entries: dict[str, Any], named: str) -> None:
    first, second = runs_in(tmp_path, arms=["concat", "rbca"])
    change(second.folder, **entries)
    with pytest.raises(DataError, match="cannot be in one report") as refused:
        gather_evidence([first, Run(second.folder)])
    assert named in str(refused.value)
    assert str(first.folder) in str(refused.value)
    assert str(second.folder) in str(refused.value)


@pytest.mark.parametrize(("column", "value"), [("label", 1), ("fold", 3)])
def test_runs_with_other_labels_or_folds_are_refused(tmp_path: Path, column: str, value: int) -> None:
    first, second = runs_in(tmp_path, arms=["concat", "rbca"])
    table = second.predictions
    subject = table.loc[table[column] != value, "subject"].iloc[0]
    table.loc[table["subject"] == subject, column] = value
    table.to_csv(second.folder / "predictions.csv", index=False)
    (second.folder / "cohort.csv").unlink()  # which would contradict it
    with pytest.raises(DataError, match=f"the {column} of {subject}, with the same seed 0"):
        gather_evidence([first, Run(second.folder)])


def test_runs_that_tested_other_subjects_are_refused(tmp_path: Path) -> None:
    first, second = runs_in(tmp_path, arms=["concat", "rbca"])
    table = second.predictions
    table[table["subject"] != "S003"].to_csv(second.folder / "predictions.csv", index=False)
    scores = [{**row, "subjects": 39} for row in second.metrics.to_dict("records")]
    (second.folder / "metrics.json").write_text(json.dumps({"scores": scores}))
    with pytest.raises(DataError, match="the tested subjects: only one of them has S003"):
        gather_evidence([first, Run(second.folder)])


def test_another_cohort_is_refused(tmp_path: Path) -> None:
    first = runs_in(tmp_path / "a", arms=["concat"])
    other = runs_in(tmp_path / "b", arms=["rbca"], people=1)
    with pytest.raises(DataError, match="the SHA-256 of the cohort's labels"):
        gather_evidence([*first, *other])


def test_the_same_arm_and_seed_twice_is_refused(tmp_path: Path) -> None:
    runs = runs_in(tmp_path, arms=["rbca"])
    with pytest.raises(DataError, match="are one arm, rbca, with one seed, 0"):
        gather_evidence([*runs, *runs])


def test_runs_of_one_fusion_that_differ_in_an_option_are_arms_of_their_own(tmp_path: Path) -> None:
    (first,) = runs_in(tmp_path / "a", arms=["rbca"])
    (second,) = runs_in(tmp_path / "b", arms=["rbca"])
    change(second.folder, config={**second.manifest["config"], "lr": 0.01})
    names = [arm.name for arm in gather_evidence([first, Run(second.folder)]).arms]
    assert names == ["rbca (lr 0.0001)", "rbca (lr 0.01)"]


def test_a_run_of_an_older_fusekit_is_refused_with_a_way_out(tmp_path: Path) -> None:
    (run,) = runs_in(tmp_path, arms=["rbca"])
    change(run.folder, task=None)
    with pytest.raises(DataError, match="Run it again with --config"):
        gather_evidence([Run(run.folder)])


def test_a_comparison_is_its_runs_in_its_own_order(tmp_path: Path) -> None:
    fake_runs(tmp_path, arms=["rbca", "concat"], seeds=2, subjects=40)
    names = [run.name for run in run_folders(tmp_path)]
    assert names == ["rbca-seed-0", "rbca-seed-1", "concat-seed-0", "concat-seed-1"]


def test_late_fusions_of_a_comparison_come_last_in_its_order(tmp_path: Path) -> None:
    fake_runs(tmp_path, arms=["image-only", "gbdt"], seeds=2, subjects=40)
    record = json.loads((tmp_path / "comparison.json").read_text())
    (tmp_path / "comparison.json").write_text(json.dumps({**record, "late_fusion": ["stacked", "mean"]}))
    for way, seed in ((way, seed) for way in ("mean", "stacked") for seed in range(2)):
        folder = tmp_path / "runs" / f"late-{way}-seed-{seed}"
        shutil.copytree(tmp_path / "runs" / f"gbdt-seed-{seed}", folder)
        change(folder, kind="late fusion", arm=f"{way} of image-only and gbdt")
    names = [run.name.partition("-seed-")[0] for run in run_folders(tmp_path)]
    assert list(dict.fromkeys(names)) == ["image-only", "gbdt", "late-stacked", "late-mean"]
    assert len(names) == 8
    shutil.rmtree(folder)
    shutil.rmtree(folder.with_name("late-stacked-seed-0"))
    with pytest.raises(DataError, match="no finished run of late-stacked yet"):
        run_folders(tmp_path)


def test_a_comparison_that_has_not_come_to_its_end_is_refused(tmp_path: Path) -> None:
    (run,) = fake_runs(tmp_path, arms=["rbca"], subjects=40)
    (run / "manifest.json").unlink()
    with pytest.raises(DataError, match="no finished run of rbca yet"):
        run_folders(tmp_path)
    with pytest.raises(DataError, match="neither a finished run"):
        run_folders(run)


def test_a_report_can_be_made_again_byte_by_byte(tmp_path: Path) -> None:
    runs = runs_in(tmp_path, arms=["gbdt"])
    pages = [write_report(gather_evidence([Run(run.folder) for run in runs]), tmp_path / out) for out in ("one", "two")]
    assert pages[0] == tmp_path / "one" / "report.html"
    one, two = (
        {p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*.*")} for n in ("one", "two")
    )
    assert one == two
    figures = {path.stem for path in one if path.parts[0] == "figures"}
    assert {"roc", "precision-recall", "confusion"} <= figures
    assert {path.suffix for path in one if path != RECORD} == {".html", ".svg", ".png", ".csv"}
    assert not pd.read_csv(tmp_path / "one" / "figures" / "roc.csv").empty


def test_nothing_is_drawn_or_computed_again_until_something_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, out = runs_in(tmp_path / "runs", arms=["gbdt", "concat"]), tmp_path / "out"
    first = gather_evidence(runs, out)
    before = {path: path.read_bytes() for path in write_report(first, out).parent.rglob("*.*")}

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("made again")

    with monkeypatch.context() as patched:
        patched.setattr("fusekit.experiment.evidence.measured", refuse)
        patched.setattr("fusekit.report.figures.sections.sections", refuse)
        again = gather_evidence([Run(run.folder) for run in runs], out)
        write_report(again, out)
        for name, table in first.computed.items():
            pd.testing.assert_frame_equal(again.computed[name], table)
        assert again.remarks == first.remarks
        (out / "figures" / "roc.svg").write_text("damaged")
        with pytest.raises(AssertionError, match="made again"):
            write_report(again, out)
    write_report(again, out)
    assert {path: path.read_bytes() for path in out.rglob("*.*")} == before
    table = runs[0].predictions
    table.assign(p_0=table["p_1"], p_1=table["p_0"]).to_csv(runs[0].folder / "predictions.csv", index=False)
    assert not is_current(out, fingerprint([run.folder for run in runs]))


def test_a_section_that_cannot_be_drawn_is_named_and_the_others_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no fonts")

    (run,) = runs_in(tmp_path, arms=["gbdt"])
    monkeypatch.setitem(SECTIONS["classes"], "curves", (broken,))
    page = write_report(gather_evidence([run]), run.folder).read_text()
    sentence = "the figures of curves could not be made: RuntimeError: no fonts."
    assert sentence in page
    assert (run.folder / "figures" / "confusion.svg").exists()
    (finding,) = [found for found in Run(run.folder).manifest["findings"] if found["code"] == "not-made"]
    assert (finding["message"], finding["severity"], finding["items"]) == (sentence, "note", ["report.html"])
    monkeypatch.undo()
    assert sentence not in write_report(gather_evidence([Run(run.folder)]), run.folder).read_text()
    assert not [found for found in Run(run.folder).manifest["findings"] if found["code"] == "not-made"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    runs = runs_in(tmp_path, arms=["gbdt"])
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(DataError, match="taken"):
        write_report(gather_evidence(runs), tmp_path / "taken")


def test_table_one_is_that_of_the_cohort_which_a_run_wrote(small_run: Run, small_cohort: Cohort) -> None:
    found = gather_evidence([small_run]).people
    assert found is not None
    pd.testing.assert_frame_equal(found.set_index("column"), table_one(small_cohort), check_names=False)


def test_table_one_of_an_older_run_is_of_what_scores_are_split_by(tmp_path: Path) -> None:
    (path,) = fake_runs(tmp_path, arms=["rbca"], subjects=40, ablations=False)
    found = gather_evidence([Run(path)]).people
    assert found is not None
    ages = Run(path).cohort.drop_duplicates("subject")["AGE"]
    own = found.set_index("column").loc["AGE, mean (SD)"]
    assert own["all"] == f"{ages.mean():.3g} ({ages.std():.2g})"
