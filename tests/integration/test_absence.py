"""Half of the people lack an image or a table: trained, scored by what is available, shipped and asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fusekit
from fusekit import Run
from fusekit.bundle.bundle import Bundle
from fusekit.errors import DataError, OptionError
from fusekit.evaluation.arms.subgroups import subgroup_scores
from fusekit.experiment.setup.gathered import gather
from fusekit.experiment.setup.plan import make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.explain.patient import explain_patient
from fusekit.extension import catalog
from fusekit.extension.fusion import Fusion
from fusekit.progress import Quiet
from tests.conftest import CommandLine

pytestmark = pytest.mark.usefixtures("unexplained")

HIDE = {"hide_image": 0.25, "hide_table": 0.2}
SMALL: dict[str, Any] = {
    "task": "adni-ad",
    "backbone": "test_resnet",
    "epochs": 1,
    "image_size": 32,
    "folds": 2,
    "options": {"synthetic": {"subjects": 24}, "absence": HIDE, "training": {"drop_image": 0.1, "drop_table": 0.1}},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("fusekit.experiment.run.fit.explained.explain_fold", lambda *_, **__: None)
        return fusekit.run(**SMALL, fusion="concat+logistic", out=tmp_path_factory.mktemp("absent") / "run")


@pytest.fixture(scope="module")
def bundle(run: Run) -> Bundle:
    return fusekit.load(run.folder / "bundle")


def test_rows_of_hidden_images_are_blank_and_count_as_much(run: Run) -> None:
    plan = make_plan(Settings.of({**SMALL, "fusion": "concat"}))
    gathered = gather(plan.config, plan.task, plan.slices, Quiet())
    rows, present = gathered.rows, gathered.cohort.present
    shown = gathered.with_image(rows)
    assert rows["scan"].isin(present.index[present["image"]]).to_numpy().tolist() == shown.tolist()
    each = rows.groupby("scan").size()
    assert each[present.index[~present["image"]]].eq(each[present.index[present["image"]]].median()).all()
    assert not gathered.images[rows.index[~shown].to_numpy()].any()
    np.testing.assert_array_equal(gathered.images[rows.index[shown].to_numpy()], gathered.store.images)
    assert rows.groupby(["scan", "slice"]).size().max() == 1
    assert gathered.complete(rows).tolist() == present.loc[rows["scan"]].all(axis=1).tolist()
    predictions = run.predictions
    assert sorted(predictions["row"]) == rows.index.tolist()
    of_blank = predictions[predictions["scan"].isin(present.index[~present["image"]])]
    assert of_blank.groupby("scan")["p_1"].agg(np.ptp).max() < 1e-6  # the same for each of its blank rows


def test_the_report_counts_and_scores_by_what_is_available(run: Run) -> None:
    people = run.cohort
    assert set(people["available"]) == {"image and table", "image alone", "table alone"}
    metrics = {"auc": catalog().metrics.make("auc")}
    scores = subgroup_scores(run.predictions, people, metrics, smallest=2)
    of = scores[scores["variable"] == "available"].set_index("group")["subjects"]
    drawn = people.drop_duplicates("subject")["available"].value_counts()
    assert of.to_dict() == drawn.to_dict()
    codes = {finding["code"] for finding in run.manifest["findings"]}
    assert {"hidden-image", "hidden-table"} <= codes


def test_a_shipped_model_predicts_for_patients_with_either_alone(bundle: Bundle, run: Run) -> None:
    assert bundle.absent == ("image", "table")
    gathered = gather(
        (plan := make_plan(Settings.of({**SMALL, "fusion": "concat"}))).config, plan.task, plan.slices, Quiet()
    )
    present, scans = gathered.cohort.present, gathered.cohort.scans
    whole = present.index[present.all(axis=1)][:2]
    values = gathered.cohort.clinical.loc[whole].reset_index(drop=True)
    patients = values.assign(image=scans.loc[whole, "image"].map(str).to_numpy(), subject=["a", "b"])
    nothing = pd.DataFrame(None, values.index, values.columns, dtype=object)
    with_image = bundle.predict(nothing.assign(image=patients["image"], subject=["a", "b"])).subjects
    with_table = bundle.predict(patients.assign(image="")).subjects
    both = bundle.predict(patients).subjects
    assert with_image["available"].tolist() == ["image alone"] * 2
    assert with_table["available"].tolist() == ["table alone"] * 2
    assert both["available"].tolist() == ["image and table"] * 2
    assert bundle.predict(patients.drop(columns="image")).subjects["p_1"].tolist() == with_table["p_1"].tolist()
    assert bundle.predict(patients[["image", "subject"]]).subjects["p_1"].tolist() == with_image["p_1"].tolist()
    # The stored values: a table alone is what the model itself says of it, whatever the image is.
    columns = bundle.encode(values)
    noise = np.full((2, 1, 32, 32), 77, dtype=np.uint8)
    said = bundle.probabilities(noise, columns, present=np.array([[False, True]] * 2))
    np.testing.assert_allclose(with_table["p_1"], said[:, 1], atol=1e-6)
    with pytest.raises(DataError, match="the table, patient 1 has nothing to go by"):
        bundle.predict(nothing.assign(image=""))


def test_another_cohort_may_lack_every_image_or_every_table(bundle: Bundle, run: Run, tmp_path: Path) -> None:
    for hidden, kept in (("hide_image", "table alone"), ("hide_table", "image alone")):
        options: dict[str, dict[str, Any]] = {"synthetic": {"subjects": 12, "seed": 1}, "absence": {hidden: 1.0}}
        external = fusekit.evaluate(
            run.folder / "bundle", options=options, out=tmp_path / hidden, allow=("out-of-range",)
        )
        assert set(pd.read_csv(external.folder / "cohort.csv")["available"]) == {kept}
        predictions = pd.read_csv(external.folder / "predictions.csv")
        assert predictions["p_1"].between(0, 1).all()


def test_a_model_that_was_trained_with_every_scan_whole_is_not_asked_about_others(
    small_run: Run, tmp_path: Path
) -> None:
    options: dict[str, dict[str, Any]] = {"synthetic": {"subjects": 12, "seed": 1}, "absence": {"hide_table": 0.5}}
    with pytest.raises(DataError, match="scans without table, and the model was trained with every one"):
        fusekit.evaluate(small_run.folder / "bundle", options=options, out=tmp_path / "x")


def test_a_fusion_that_cannot_is_refused_by_name_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    stiff = Fusion(head="concat", encoder="mlp", absence=False)
    entries = catalog().fusions.entries
    monkeypatch.setitem(entries, "stiff", replace(entries["concat"], name="stiff", factory=lambda: stiff))
    with pytest.raises(OptionError, match="the fusion 'stiff' takes no scan without image and none without table"):
        make_plan(Settings.of({**SMALL, "fusion": "stiff"}))


def test_baselines_take_them_too(tmp_path: Path) -> None:
    arms: tuple[dict[str, Any], ...] = ({"baseline": "gbdt-components"}, {"baseline": "logistic"})
    for number, arm in enumerate(arms):
        done = fusekit.run(
            task="adni-ad",
            **arm,
            image_size=32,
            folds=2,
            options={"synthetic": {"subjects": 24}, "absence": HIDE},
            out=tmp_path / str(number),
        )
        assert set(done.cohort["available"]) == {"image and table", "image alone", "table alone"}


def test_from_the_command_line(bundle: Bundle, run: Run, tmp_path: Path, command_line: CommandLine) -> None:
    names = [column.name for column in bundle.encoding.columns] if bundle.encoding else []
    pd.DataFrame([{**dict.fromkeys(names, ""), "AGE": 70, "subject": "x"}]).to_csv(tmp_path / "p.csv", index=False)
    patient = ("--clinical", str(tmp_path / "p.csv"), "--format", "csv")
    code, text = command_line("predict", str(run.folder / "bundle"), *patient)
    assert code == 0
    assert "table alone" in text


def test_explanations_are_of_patients_who_have_both(bundle: Bundle) -> None:
    assert bundle.encoding is not None
    patient = pd.DataFrame([{**dict.fromkeys((c.name for c in bundle.encoding.columns), ""), "AGE": "70"}])
    with pytest.raises(DataError, match="this patient has the table alone, and explanations are of patients who have"):
        explain_patient(bundle, patient, {})
