"""The page in a browser: nothing is asked for or complained of, all is drawn, folds open, and it prints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fusekit import Run
from fusekit.experiment.evidence import gather_evidence, write_report
from tests.browser import MISSING, Browser, browser
from tests.fake_runs import fake_runs

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

#: Figures that are not as wide as a thumb, or empty.
UNDRAWN = """
return [...document.querySelectorAll("figure")].filter(figure => {
  const drawn = figure.querySelector("svg"), box = drawn && drawn.getBoundingClientRect();
  return !drawn || box.width < 100 || box.height < 50 || !drawn.querySelector("path, text, image");
}).map(figure => figure.id);
"""


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module", params=["comparison", "run"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of three arms, or of one."""
    folder = tmp_path_factory.mktemp("browser")
    arms = ("image-only", "rbca", "logistic") if request.param == "comparison" else ("rbca",)
    runs = fake_runs(folder, arms=arms, subjects=60, folds=2, explanations=True)
    return write_report(gather_evidence([Run(path) for path in runs]), folder)


def test_it_asks_for_nothing_and_nothing_goes_wrong(window: Browser, report: Path) -> None:
    window.open(report)
    assert window.run("return document.title").startswith("SYNTHETIC: ")
    assert window.complaints == []
    assert window.requested == []


def test_folds_are_closed_and_open_and_every_figure_is_drawn(window: Browser, report: Path) -> None:
    window.open(report)
    assert window.run("return document.querySelectorAll('details[open]').length") == 0
    before = window.words
    for summary in window.driver.find_elements("css selector", "main details > summary"):
        summary.click()
    assert window.run("return document.querySelectorAll('main details:not([open])').length") == 0
    assert window.words > before
    assert window.run("return document.querySelectorAll('figure').length") > 5
    assert window.run(UNDRAWN) == []
    assert window.complaints == []


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(window: Browser, report: Path, width: int) -> None:
    window.open(report, width)
    assert window.run("return document.documentElement.scrollWidth") <= width


def test_axe_finds_nothing_serious(window: Browser, report: Path) -> None:
    window.open(report)
    assert window.violations() == []
    window.run("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert window.violations() == []


def test_it_is_read_in_minutes_and_printed_on_few_pages(window: Browser, report: Path) -> None:
    window.open(report)
    assert window.words < 1000
    assert window.pages() <= 2
    window.run("document.querySelectorAll('details.part').forEach(one => one.open = true)")
    assert window.pages() > 4  # what was opened is printed


def test_a_table_is_copied_by_its_button_and_is_text_without_one(window: Browser, report: Path) -> None:
    window.open(report)
    window.run("document.querySelectorAll('details').forEach(one => one.open = true)")
    text = window.driver.find_element("id", "subject-scores-CSV").text
    assert text.startswith("arm,reads,AUC")
    window.run("window.copied = []; navigator.clipboard.writeText = async text => { copied.push(text); }")
    window.driver.find_element("css selector", "button[aria-controls='subject-scores-CSV']").click()
    assert [copied.strip() for copied in window.run("return copied")] == [text]
    assert window.run("return document.querySelectorAll('button[hidden]').length") == 0
