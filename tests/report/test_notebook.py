"""A comparison as prompts and notebooks show it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fusekit import Comparison
from fusekit.data import Number
from fusekit.errors import OptionError
from fusekit.experiment.evidence import gather_evidence, write_report
from fusekit.report.notebook import plot_roc, ranked
from fusekit.report.run import Run
from tests.fake_runs import fake_runs


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Where the image alone knows nothing."""
    folder = tmp_path_factory.mktemp("fake") / "comparison"
    reads: dict[str, tuple[str, ...]] = {"image-only": ()}
    runs = [Run(path) for path in fake_runs(folder, arms=("image-only", "rbca"), reads=reads, ablations=False)]
    return Comparison(folder, tuple(runs), gather_evidence(runs))


def test_the_best_arm_comes_first_in_line_and_table(comparison: Comparison) -> None:
    scores = comparison.scores
    auc = scores[(scores["level"] == "subject") & (scores["metric"] == "auc")].set_index("arm")["value"]
    assert (
        list(ranked(comparison.evidence)[1]) == list(auc.sort_values(ascending=False).index) == ["rbca", "image-only"]
    )
    first = f"{comparison.folder}: planted, 2 arms, 120 subjects, rbca first: AUC {auc['rbca']:.2f} ["
    name = comparison.evidence.task
    assert repr(comparison).startswith(f"Comparison({first.replace('planted', name)}")
    assert repr(comparison).endswith("], SYNTHETIC)")
    html = comparison._repr_html_()
    assert html.index("<th>rbca") < html.index("<th>image-only")
    assert f"<td>{auc['rbca']:.3f} [" in html


def test_pairs_and_the_roc_are_those_of_the_report(comparison: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fusekit.experiment.compare.comparison.write_report", write_report)  # see ``_without_report``
    assert set(zip(comparison.pairs["first"], comparison.pairs["second"], strict=True)) == {("image-only", "rbca")}
    drawn = comparison.plot_roc()
    assert set(drawn.table["arm"]) == {"image-only", "rbca"}
    assert comparison.report().read_text(encoding="utf-8").count("ROC curves") >= 1
    assert (comparison.folder / "figures" / "roc.svg").read_text(encoding="utf-8") == drawn.svg


def test_other_targets_have_no_roc(comparison: Comparison) -> None:
    numbers = replace(comparison.evidence, target=Number("mmse"))
    with pytest.raises(OptionError, match=r"plot_roc draws curves of classes, and .* predicts a number"):
        plot_roc(numbers)
