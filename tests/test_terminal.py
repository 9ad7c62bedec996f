"""What comes from data is text: in a terminal, on a figure and on a page."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pandas as pd
import pytest
from rich.table import Table

import fusekit
from fusekit.cli.check import print_findings
from fusekit.data import Classes, Finding
from fusekit.errors import DataError
from fusekit.experiment.evidence import gather_evidence
from fusekit.progress import Bars
from fusekit.report.drawing.picture import draw
from fusekit.report.figures.overview import overview
from fusekit.report.page.page import page
from fusekit.report.run import Run
from fusekit.terminal import Terminal, in_line, styled, visible
from fusekit_hmi.task import HmiTask
from tests.conftest import CommandLine
from tests.fake_runs import fake_runs

#: What people, exports and enemies put into names -> how a terminal shows it.
NASTY = {
    "WBC [/uL]": "WBC [/uL]",
    "[x1]": "[x1]",
    "[bold]loud[/bold]": "[bold]loud[/bold]",
    "[link=http://x]y": "[link=http://x]y",
    r"\[back": r"\[back",
    r"mal$\frac{$": r"mal$\frac{$",
    "\x1b[31mred": r"\x1b[31mred",
    "\x1b]0;title\x07": r"\x1b]0;title\x07",
    "a\rb": r"a\rb",
    "\x9b31m": r"\x9b31m",
    "right\u202eleft": r"right\u202eleft",
    "no\u200bwidth": r"no\u200bwidth",
    "\x00nothing": r"\x00nothing",
    "lone\udc80byte": r"lone\udc80byte",
    "<script>alert(1)</script>": "<script>alert(1)</script>",
    "{{ x }}": "{{ x }}",
    "{0} %s :smile:": "{0} %s :smile:",
    "\"quoted' & more": "\"quoted' & more",
    "मी\u200d": "मी\u200d",
    "x" * 300: "x" * 300,
}
names = pytest.mark.parametrize("name", NASTY, ids=[ascii(name)[:24] for name in NASTY])


def shown(*things: object, width: int = 400) -> str:
    file = io.StringIO()
    console = Terminal(file=file, width=width, force_terminal=True, color_system=None)
    console.print(*things)
    return file.getvalue()


@names
def test_a_terminal_shows_every_name_as_text_wherever_it_stands(name: str) -> None:
    expected = NASTY[name]
    table = Table(name, title=name, caption=name)
    table.add_row(name)
    table.add_row(styled(("part", "bold"), name))
    for thing in (name, styled("before ", (name, "bold red"))):
        assert expected in shown(thing)
    assert shown(table).count(expected) == 5
    assert "\x1b" not in shown(name, table)


def test_a_newline_stays_a_newline_and_styles_stay_styles() -> None:
    assert shown("a\nb") == "a\nb\n"
    file = io.StringIO()
    Terminal(file=file, width=80, force_terminal=True, color_system="standard").print(styled(("loud", "bold"), " not"))
    assert file.getvalue() == "\x1b[1mloud\x1b[0m not\n"


@names
@pytest.mark.parametrize("terminal", [True, False])
def test_progress_shows_labels_and_lines_as_text(name: str, terminal: bool) -> None:
    bars, file = Bars(), io.StringIO()
    bars.console = Terminal(file=file, force_terminal=terminal, width=500, color_system=None)
    bars.say(f"note: {name}")
    assert list(bars.track([1], name[:60], total=1)) == [1]
    said = file.getvalue()
    assert f"note: {NASTY[name]}" in said
    assert said.count(NASTY[name][:60]) > 1


@names
def test_errors_and_findings_show_names_as_text(
    name: str, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise DataError(f"column {name}: wrong.")

    monkeypatch.setattr("fusekit.cli.app.program", lambda _: fail)
    code, said = command_line("list")
    assert code == 2
    assert f"error: column {NASTY[name]}: wrong." in said
    file = io.StringIO()
    finding = Finding("code", f"columns like {name}.", (name,), "refusal", f"Rename {name}.")
    print_findings([finding], (), Terminal(file=file, width=1000))
    assert file.getvalue().count(NASTY[name]) == 3


@pytest.mark.parametrize("name", [n for n in NASTY if "\udc80" not in n], ids=ascii)  # which no table can hold
def test_figures_hold_names_as_text(name: str, tmp_path: Path) -> None:
    def paint(figure: object) -> None:
        axes = figure.subplots()  # type: ignore[attr-defined]
        axes.set_title(name)
        axes.plot([0, 1], [0, 1], label=f"label {name}")
        axes.set_xticks([0, 1], [name, "other"])
        axes.legend()

    made = draw("a", paint, title=name, caption=name, alt=name, table=pd.DataFrame({"a": [1]}), height=2)
    text = "".join(ET.fromstring(made.svg).itertext())
    assert text.count(NASTY[name]) >= 5


@pytest.mark.parametrize("name", ["mal$\\frac{$", "\x1b[31mred\x00", "right\u202eleft"], ids=ascii)
def test_the_overview_is_drawn_whatever_classes_are_called(name: str, small_run: Run, tmp_path: Path) -> None:
    import numpy as np

    predictions = small_run.predictions.head(40)
    images = np.zeros((int(predictions["row"].max()) + 1, 1, 8, 8), dtype=np.uint8)
    overview(
        tmp_path / "a.png",
        title=name,
        history=small_run.history,
        predictions=predictions,
        scores=small_run.metrics,
        images=images,
        target=Classes((name, f"{name}2")),
    )
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_a_run_and_its_page_show_names_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fusekit.experiment.evidence.measured", lambda evidence: evidence)
    nasty = "".join(name for name in NASTY if len(name) < 100 and "\udc80" not in name and "\x00" not in name)
    options = {"arms": ("rbca",), "subjects": 8, "folds": 1, "validation": False, "ablations": False}
    run, *_ = fake_runs(tmp_path, classes=(f"{nasty}1", f"{nasty}2"), hostile="[/uL]<b>{{ x }}", **options)  # type: ignore[arg-type]
    html = page(gather_evidence([Run(run)]), {})
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "{{ x }}" in html


def test_nobody_writes_markup_and_nobody_makes_another_console() -> None:
    root = Path(fusekit.__file__).parents[1]
    for path in [*root.glob("fusekit/**/*.py"), *root.glob("plugins/**/*.py")]:
        source = path.read_text(encoding="utf-8")
        if path.name != "terminal.py":
            assert not re.search(r"\[/\]|\[(bold|dim|italic|red|green|yellow)\b|rich\.markup|\bConsole\(", source), path


def test_a_name_stays_in_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "two\nlines \x1b[31mred"
    assert in_line(folder).endswith(r"two\nlines \x1b[31mred")
    assert shown(styled("\nlies in ", (folder, "bold"))).count("\n") == 2  # the one before it and the one after it
    bars, file = Bars(), io.StringIO()
    bars.console = Terminal(file=file, width=500, color_system=None)
    bars.say(f"note: {folder} is kept")
    assert file.getvalue().count("\n") == 1


def test_a_synthetic_cohort_is_announced_in_one_line(
    tmp_path: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HmiTask, "synthesize", lambda *_, **__: None)
    code, said = command_line("synthesize-hmi", str(tmp_path / "a\nb\x1b[31m"))
    assert code == 0
    assert r"a\nb\x1b[31m. Try: fusekit run hmi" in said
    assert "\x1b" not in said


def test_visible_leaves_what_people_write() -> None:
    for text in ("Größe [µm]", "年齢", "العمر", "a\tb\nc", "e\u0301", "🫀"):
        assert visible(text) == text
