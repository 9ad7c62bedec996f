"""``--learning-curve``: whom each training saw, what is written of it, what an interruption leaves, what is shown."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

import fusekit
from fusekit import Comparison, compare
from fusekit.errors import DataError
from fusekit.experiment.evidence import gather_evidence
from fusekit.experiment.run import fold as one_fold
from fusekit.progress import Quiet
from fusekit.report.figures.learning_curve import learning_curve
from fusekit.report.kept import run_folders
from fusekit.report.page.page import page
from fusekit.testing import write_cohort
from tests.conftest import CommandLine
from tests.experiment.people import content, unreported, write_grades, write_numbers, write_times

SETTINGS: dict[str, Any] = {
    "fusions": ["image-only", "table-first"],
    "baselines": ["logistic"],
    "folds": 2,
    "validation": 0.2,
    "backbone": "test_resnet",
    "epochs": 1,
    "image_size": 32,
    "batch_size": 8,
    "explain": "none",
    "options": {"image-only:training": {"members": 2}},
    "progress": Quiet(),
}
#: What baselines and networks read on their way, by arm, fold and number of training.
Seen = dict[tuple[str, int, int], dict[str, set[str]]]


@pytest.fixture(scope="module")
def toml(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_cohort(tmp_path_factory.mktemp("own"), 40))


@pytest.fixture(scope="module")
def plain(toml: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Every file of the comparison without a curve, but its report."""
    with unreported():
        return content(compare(toml, **SETTINGS, out=tmp_path_factory.mktemp("plain") / "c").folder)


@pytest.fixture(scope="module")
def made(toml: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Comparison, Seen]:
    """The comparison with a curve, and the rows whose images, values and labels each training was given."""
    seen: Seen = {}
    real = one_fold.train_fold

    def spying(plan: Any, gathered: Any, fold: int, *rest: Any) -> Any:
        own: dict[str, set[str]] = defaultdict(set)
        of_scan = gathered.cohort.scans["subject"]
        with pytest.MonkeyPatch.context() as patch:
            values, pixels = type(gathered).values, type(gathered).pixels  # noqa: PD011 (no column of a table)

            def reading(me: Any, rows: pd.DataFrame) -> Any:
                own["read"].update(rows["subject"])
                return values(me, rows)

            def scaling(me: Any, rows: pd.DataFrame) -> Any:
                own["fitted"].update(rows["subject"])
                return pixels(me, rows)

            patch.setattr(type(gathered), "values", reading)
            patch.setattr(type(gathered), "pixels", scaling)
            # Every encoding of the table, whoever fits it.
            encode = fusekit.data.ClinicalEncoding.fit.__func__  # type: ignore[attr-defined]

            def fit(cls: Any, clinical: pd.DataFrame, columns: Any) -> Any:
                own["fitted"].update(of_scan.loc[clinical.index])
                return encode(cls, clinical, columns)

            patch.setattr(fusekit.data.ClinicalEncoding, "fit", classmethod(fit))
            bundle = real(plan, gathered, fold, *rest)
        seen[plan.config.arm, fold, rest[3]] = own
        return bundle

    with pytest.MonkeyPatch.context() as patch, unreported():
        patch.setattr("fusekit.experiment.compare.local.train_fold", spying)
        out = tmp_path_factory.mktemp("curve") / "c"
        return compare(toml, **SETTINGS, learning_curve=True, late_fusion="mean", out=out), seen


def test_every_training_fits_on_its_own_share_of_the_subjects_alone(made: tuple[Comparison, Seen]) -> None:
    comparison, seen = made
    arms = ["image-only", "table-first", "logistic"]
    assert set(seen) == {(arm, fold, percent) for arm in arms for fold in (0, 1) for percent in (25, 50, 75, 100)}
    folds = comparison.runs[0].predictions.groupby("subject")["fold"].first()
    validation = comparison.runs[0].validation
    assert validation is not None
    for fold in (0, 1):
        tested = set(folds.index[folds == fold])
        aside = set(validation.loc[validation["fold"] == fold, "subject"])
        before: set[str] = set()
        for percent, count in ((25, 4), (50, 8), (75, 12), (100, 16)):
            fitted = {frozenset(seen[arm, fold, percent]["fitted"]) for arm in arms}
            (people,) = fitted  # the same of every arm
            assert before < people
            assert len(people) == count
            assert people.isdisjoint(tested | aside)
            left_out = set(folds.index) - tested - aside - people
            for arm in arms:  # who is left out is not even read
                assert left_out.isdisjoint(seen[arm, fold, percent]["read"])
            before = set(people)


def test_without_the_option_nothing_differs(made: tuple[Comparison, Seen], plain: dict[str, bytes]) -> None:
    comparison, _ = made
    with_curve = content(comparison.folder)
    assert not any("learning_curve" in name or b"learning_curve" in text for name, text in plain.items())
    for name, text in plain.items():
        if not name.endswith(("manifest.json", "comparison.json")):
            assert with_curve[name] == text, name
    further = {name.rpartition("/")[2] for name in set(with_curve) - set(plain) if "late-mean" not in name}
    assert further == {"learning_curve.csv", "learning_curve_subjects.csv"}


def test_the_numbers_follow_from_the_predictions_that_are_kept(made: tuple[Comparison, Seen]) -> None:
    for run in made[0].runs[:3]:
        curve, subjects = run.learning_curve, run.learning_curve_subjects
        assert curve is not None
        assert subjects is not None
        assert curve.groupby(["percent", "metric"]).size().eq(3).all()  # all, and two folds
        assert curve.groupby("percent")["training"].first().to_dict() == {25: 5, 50: 10, 75: 15, 100: 20}
        found = curve.set_index(["percent", "fold", "metric"])["value"]
        for percent, own in subjects.groupby("percent"):
            assert sorted(own["subject"]) == sorted(run.subjects["subject"])
            areas = {fold: roc_auc_score(one["label"], one["p_1"]) for fold, one in own.groupby("fold")}
            for fold, area in areas.items():
                assert found[percent, str(fold), "auc"] == pytest.approx(area)
            assert found[percent, "all", "auc"] == pytest.approx(np.mean(list(areas.values())))
            assert found[percent, "all", "accuracy"] == pytest.approx(accuracy_score(own["label"], own["called"]))
        whole = run.scores[run.scores["level"] == "subject"].set_index("metric")
        last = curve[(curve["percent"] == 100) & (curve["fold"] == "all")].set_index("metric")
        columns = ["value", "low", "high"]
        pd.testing.assert_frame_equal(last[columns], whole[columns].astype(float), check_like=True)


def test_a_page_has_the_curve_where_it_was_made_and_says_what_the_last_doubling_gave(
    made: tuple[Comparison, Seen],
) -> None:
    runs = [fusekit.Run(folder) for folder in run_folders(made[0].folder)]
    evidence = gather_evidence(runs)
    (picture,) = learning_curve(evidence)
    text = re.sub(r"\s+", " ", page(evidence, {"learning_curve": [picture]}))
    assert "<h2>Learning curve: with fewer training subjects</h2>" in text
    assert re.search(r"From 10 to 20 training subjects the AUC of logistic (rose|fell) by 0\.\d{3} \(95 % CI", text)
    assert "Networks were trained for 1 epochs at each point: in fewer steps with fewer subjects." in text
    assert f"There is no curve of {runs[-1].manifest['arm']}." in text
    assert [len(own) for _, own in picture.table.groupby("arm")] == [4, 4, 4]
    without = gather_evidence([runs[-1]])
    assert list(learning_curve(without)) == []
    assert "earning curve" not in page(without, {})


def test_a_comparison_resumes_between_and_within_its_points(
    toml: str, made: tuple[Comparison, Seen], tmp_path: Path
) -> None:
    finished = 11  # of 24: one point of the second arm is there, and one is under way
    given = {**SETTINGS, "learning_curve": True, "late_fusion": "mean", "out": tmp_path / "c"}
    real, calls = one_fold.train_fold, []

    def dying(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) > finished:
            (arguments[3] / "predictions.csv").write_text("half a li")
            raise KeyboardInterrupt
        return real(*arguments)

    def counting(*arguments: Any) -> Any:
        calls.append(arguments)
        return real(*arguments)

    with pytest.MonkeyPatch.context() as patch, unreported():
        patch.setattr("fusekit.experiment.compare.local.train_fold", dying)
        with pytest.raises(KeyboardInterrupt):
            compare(toml, **given)
        calls.clear()
        patch.setattr("fusekit.experiment.compare.local.train_fold", counting)
        again = compare(toml, **given)
    assert len(calls) == 24 - finished
    assert content(again.folder) == content(made[0].folder)


def test_a_run_draws_its_curve_resumes_and_ships_what_it_would_have_shipped(toml: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {"baseline": "logistic", "folds": 2, "image_size": 32, "progress": Quiet()}
    whole = fusekit.run(toml, **given, learning_curve=True, out=tmp_path / "whole")
    calls, real = [], one_fold.train_fold

    def dying(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return real(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fusekit.experiment.run.run.train_fold", dying)
        with pytest.raises(KeyboardInterrupt):
            fusekit.run(toml, **given, learning_curve=True, out=tmp_path / "again")
    kept = {path.name for path in (tmp_path / ".again.unfinished").glob("fold-*")}
    assert kept == {"fold-0", "fold-1", "fold-0-25-percent", "fold-1-25-percent"}
    again = fusekit.run(out=tmp_path / "again", resume=True, progress=Quiet())
    for name in ("predictions.csv", "learning_curve.csv", "learning_curve_subjects.csv"):
        assert (again.folder / name).read_bytes() == (whole.folder / name).read_bytes()
    plain = fusekit.run(toml, **given, out=tmp_path / "plain")
    assert (plain.folder / "predictions.csv").read_bytes() == (whole.folder / "predictions.csv").read_bytes()
    files = [path.relative_to(plain.folder) for path in plain.folder.glob("bundle/**/*") if path.name != "bundle.json"]
    assert files
    for file in files:
        if (plain.folder / file).is_file() and "checksum" not in file.name:
            assert (plain.folder / file).read_bytes() == (whole.folder / file).read_bytes()
    assert plain.learning_curve is plain.learning_curve_subjects is None


@pytest.mark.parametrize(
    ("write", "baseline", "measure"),
    [(write_numbers, "ridge", "mae"), (write_grades, "ordinal-logistic", "cuts-auc"), (write_times, "cox", "uno-c")],
)
def test_every_kind_of_target_has_a_curve(write: Any, baseline: str, measure: str, tmp_path: Path) -> None:
    toml = write(tmp_path, 80)
    given: dict[str, Any] = {"folds": 2, "image_size": 32, "learning_curve": True, "progress": Quiet()}
    run = fusekit.run(str(toml), baseline=baseline, ship="none", out=tmp_path / "run", **given)
    evidence = gather_evidence([run])
    assert set(evidence.learning_curve["measure"]) == {measure}
    assert evidence.learning_curve["value"].notna().all()
    assert evidence.learning_curve["change"].notna().sum() == 3
    (picture,) = learning_curve(evidence)
    assert len(picture.table) == 4


def test_side_by_side_is_the_same_and_a_table_that_was_changed_is_refused(
    toml: str, tmp_path: Path, command_line: CommandLine
) -> None:
    lines = [toml, "--fusion", "clinical-only", "--baseline", "logistic", "--folds", "2", "--image-size", "32"]
    lines += ["--epochs", "1", "--explain", "none", "--learning-curve"]
    for jobs in ("1", "2"):
        code, said = command_line("compare", *lines, "--jobs", jobs, "--out", str(tmp_path / jobs))
        assert code == 0, said
    name = Path("runs", "logistic-seed-0", "learning_curve_subjects.csv")
    alone, beside = (pd.read_csv(tmp_path / jobs / name) for jobs in ("1", "2"))
    pd.testing.assert_frame_equal(alone, beside)
    (tmp_path / "1" / name.parent / "checksums.json").unlink()
    alone.assign(fold=1 - alone["fold"]).to_csv(tmp_path / "1" / name, index=False)
    run = fusekit.Run((tmp_path / "1" / name).parent)
    with pytest.raises(DataError, match=r"learning_curve_subjects\.csv, line 2 .* has no row in predictions\.csv"):
        gather_evidence([run])
    alone[alone["percent"] != 50].to_csv(tmp_path / "1" / name, index=False)
    with pytest.raises(DataError, match=r"learning_curve_subjects\.csv does not have the points \[25, 50, 75\]"):
        gather_evidence([fusekit.Run(run.folder)])
    (tmp_path / "1" / name).unlink()
    with pytest.raises(DataError, match=r"learning_curve_subjects\.csv does not have the points"):
        gather_evidence([fusekit.Run(run.folder)])
