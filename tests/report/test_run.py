"""A run folder as Python sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from fusekit.errors import DataError, OptionError
from fusekit.report.run import Run
from tests.fake_runs import fake_runs


def test_a_folder_that_is_no_run_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not a finished run: it has no predictions\.csv"):
        _ = Run(tmp_path).predictions


def test_a_run_is_opened_by_text_or_path_and_by_nothing_else(tmp_path: Path) -> None:
    assert Run(str(tmp_path)) == Run(tmp_path)
    assert Run(str(tmp_path)).folder == tmp_path
    with pytest.raises(OptionError, match=r"Run takes the path of a run folder, not \['runs/first'\]"):
        Run(["runs/first"])  # type: ignore[arg-type]


def test_groups_are_text_and_numbers_are_those_that_the_manifest_names(tmp_path: Path) -> None:
    text = "scan,subject,label,fold,site,WBC [/uL]\nNA,01,0,0,01,1.5\n1e3,None,1,2,NA,\n"
    (tmp_path / "cohort.csv").write_text(text)
    manifest = {"synthetic": True, "config": {}, "data": {"numbers": ["WBC [/uL]"]}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    cohort = Run(tmp_path).cohort
    assert cohort[["scan", "subject", "site"]].to_numpy().tolist() == [["NA", "01", "01"], ["1e3", "None", "NA"]]
    assert cohort["fold"].tolist() == [0, 2]
    assert cohort["WBC [/uL]"].tolist()[0] == 1.5
    assert cohort["WBC [/uL]"].isna().tolist() == [False, True]


@pytest.mark.parametrize("class_names", [["0", "1"], ["1.0", "2.0"], ["007", "010"], ["1e3", "2e3"]])
def test_tables_of_an_external_validation_keep_the_names_of_classes(class_names: list[str], tmp_path: Path) -> None:
    (tmp_path / "prevalence.csv").write_text("class,subjects,share\n" + "".join(f"{n},5,0.5\n" for n in class_names))
    table = Run(tmp_path).table("prevalence.csv")
    assert table is not None
    assert table["class"].tolist() == class_names
    assert table["share"].sum() == 1


@pytest.mark.parametrize(
    ("evaluation", "message"),
    [
        *[({"temperatures": wrong}, "an object is expected") for wrong in ("abc", [1], None)],
        ({"temperatures": {"0": []}}, r"evaluation\.temperatures\.0 is a list, a number is expected"),
        ({"thresholds": None}, r"evaluation\.thresholds is null"),
        ({"thresholds": {"²": {}}}, r"evaluation\.thresholds\.² is the text '²', a whole number"),
        ({"thresholds": {"1": {"slice": 0.5, "subject": 0.5}}}, r"has none for fold 0, which was tested"),
        ({"aggregate": "mode"}, r"evaluation\.aggregate is the text 'mode'"),
    ],
)
def test_a_rule_that_cannot_call_is_refused_with_its_file(
    evaluation: dict[str, object], message: str, tmp_path: Path
) -> None:
    manifest = {"synthetic": True, "config": {}, "evaluation": evaluation}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "predictions.csv").write_text("row,subject,scan,slice,fold,label,p_0,p_1\n0,a,a,0,0,1,0.5,0.5\n")
    with pytest.raises(DataError, match=rf"manifest\.json: .*{message}"):
        _ = Run(tmp_path).rule


def test_a_run_shows_itself_in_a_line_and_as_a_table(tmp_path: Path, small_run: Run) -> None:
    auc = small_run.scores.query("level == 'subject' and metric == 'auc'").iloc[0]
    said = f"adni-ad, rbca, {auc['subjects']} subjects, AUC {auc['value']:.2f} ["
    assert repr(small_run).startswith(f"Run({small_run.folder}: {said}")
    assert repr(small_run).endswith("], SYNTHETIC)")
    assert repr(Run(tmp_path)) == f"Run({tmp_path}: not a finished run)"
    assert f"<td>{auc['value']:.3f} [" in small_run._repr_html_()
    pd.testing.assert_frame_equal(small_run.metrics, small_run.scores)


def test_a_run_draws_its_roc_and_writes_its_report(tmp_path: Path) -> None:
    (folder,) = fake_runs(tmp_path, arms=("rbca",), ablations=False)
    run = Run(folder)
    drawn = run.plot_roc()
    assert drawn.name == "roc"
    assert "SYNTHETIC" in drawn._repr_svg_()
    assert drawn._repr_png_().startswith(b"\x89PNG")
    area = run.scores.query("level == 'subject' and metric == 'auc'")["value"].item()
    assert drawn.table["AUC"].unique() == pytest.approx([area])
    page = run.report()
    assert page == folder / "report.html"
    assert (folder / "figures" / "roc.svg").read_text() == drawn.svg  # the report's own
    before = page.stat().st_mtime_ns
    assert run.report().stat().st_mtime_ns == before
