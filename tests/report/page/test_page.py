"""The page itself: self-contained, repeatable, and true to the tables."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from fusekit import Run
from fusekit.experiment.evidence import gather_evidence
from fusekit.report.drawing.picture import Picture
from fusekit.report.evidence import Evidence
from fusekit.report.formatting import number, p_value
from fusekit.report.page.page import page
from fusekit.report.page.people import fold_grid
from fusekit.report.page.tables import Cell, Grid, filled, published_grid, wide_subgroups
from tests.fake_runs import fake_runs

VOID = {"meta", "br", "img", "link", "input", "hr", "path", "use", "rect", "circle"}
HOSTILE = '<script>alert("x")</script>'


class Reader(HTMLParser):
    """What a test asks of a page: its tags, what they load, its texts and tables."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.words: list[str] = []
        self._table = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self._table = dict(attrs).get("aria-label") or ""
            self.tables[self._table] = []
        if tag == "tr":
            self.tables[self._table].append([])
        if tag in ("td", "th"):
            self.tables[self._table][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"style", "script"} & set(self.open):
            return
        self.words.append(data)
        if {"td", "th"} & set(self.open):
            cell = self.tables[self._table][-1]
            cell[-1] = " ".join(f"{cell[-1]} {data}".split())

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def of_page(evidence: Evidence) -> Reader:
    return Reader(page(evidence, {"curves": [picture()]}))


def picture(title: str = "a & b") -> Picture:
    svg = '<svg role="img" viewBox="0 0 1 1"><title>t</title><desc>d</desc></svg>'
    return Picture("roc", title, "caption <b>", "alt", svg, b"", pd.DataFrame())


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    folder = tmp_path_factory.mktemp("fakes")
    arms = ["image-only", "rbca", "logistic"]
    return gather_evidence([Run(path) for path in fake_runs(folder, arms=arms, seeds=2, subjects=60)])


@pytest.fixture(scope="module")
def read(evidence: Evidence) -> Reader:
    return of_page(evidence)


def test_the_page_loads_nothing_and_runs_its_own_script_alone(evidence: Evidence, read: Reader) -> None:
    loading = {"src", "srcset", "data", "poster", "action", "background"}
    for tag, attributes in read.tags:
        assert tag not in ("iframe", "object", "embed", "link", "form")
        assert not [name for name in attributes if name in loading or name.startswith("on")]
        if "href" in attributes:
            assert (attributes["href"] or "").startswith("#")
    assert [tag for tag, _ in read.tags].count("script") == 1
    html = page(evidence, {})
    for loads in ("http:", "https:", "url(", "@import"):
        assert loads not in html


def test_every_part_has_its_place_and_links_arrive(read: Reader) -> None:
    there = {attributes["id"] for _, attributes in read.tags if "id" in attributes}
    links = {(attributes["href"] or "")[1:] for tag, attributes in read.tags if tag == "a"}
    assert links <= there
    assert {"pairs", "published", "calibration", "subgroups", "made", "checklist"} <= there
    assert "curves" not in there  # its one picture is in the story


def test_it_can_be_read_without_eyes(read: Reader) -> None:
    tags = [tag for tag, _ in read.tags]
    assert read.open == []
    assert tags.count("h1") == 1
    assert tags.count("main") == 1
    levels = [int(tag[1]) for tag in tags if tag in ("h1", "h2", "h3")]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(attributes.get("scope") in ("col", "row", "rowgroup") for tag, attributes in read.tags if tag == "th")
    assert all(attributes.get("aria-label") for tag, attributes in read.tags if tag == "table")
    drawings = [attributes for tag, attributes in read.tags if tag == "svg"]
    assert drawings
    assert all(attributes.get("role") == "img" for attributes in drawings)
    assert tags.count("desc") == len(drawings)


def test_the_table_of_arms_holds_the_scores_of_the_runs(evidence: Evidence, read: Reader) -> None:
    (caption,) = [name for name in read.tables if name.startswith("Scores at subject level")]
    heading, *rows = read.tables[caption]
    assert heading == ["arm", "reads", "AUC", "accuracy", "sensitivity", "specificity", "PPV", "NPV"]
    assert [row[0] for row in rows] == ["image-only", "rbca", "logistic baseline"]
    for row, arm in zip(rows, evidence.arms, strict=True):
        for cell, metric in zip(row[2:], ("auc", "accuracy", "sensitivity", "specificity", "ppv", "npv"), strict=True):
            own = [run.metrics for run in arm.runs]
            rows_of = [m[(m["level"] == "subject") & (m["metric"] == metric)].iloc[0] for m in own]
            value, low, high = (sum(r[name] for r in rows_of) / 2 for name in ("value", "low", "high"))
            spread = abs(rows_of[0]["value"] - rows_of[1]["value"]) / 2**0.5
            assert cell == f"{number(value)} {number(low)} to {number(high)} SD {number(spread, 3)}"


def test_the_tables_of_pairs_hold_the_comparison(evidence: Evidence, read: Reader) -> None:
    (caption,) = [name for name in read.tables if name.startswith("Differences in AUC")]
    own = evidence.pairs[evidence.pairs["measure"] == "auc"].to_dict("records")
    rows = read.tables[caption][1:]
    assert len(rows) == len(own) == 3
    for row, pair in zip(rows, own, strict=True):
        assert row[0] == f"{pair['first']} \u2212 {pair['second']}"
        assert number(pair["low"], 3) in row[1]
        assert row[3] == p_value(pair["p_holm"])


def test_published_rows_stand_above_ours_with_what_follows_from_them(read: Reader) -> None:
    (caption,) = [name for name in read.tables if name.startswith("Context: other patients")]
    rows = read.tables[caption]
    assert rows[0] == ["arm", "where", "accuracy", "sensitivity", "specificity", "PPV", "NPV"]
    assert rows[1][1] == "published"
    assert rows[1][5] == "0.530 follows: 0.535"  # 0.358 x 0.5429 / (0.358 x 0.5429 + 0.642 x 0.2632)
    assert rows[2][:2] == ["image-only", "here, slice level"]
    assert "not comparable" in caption
    assert "a mean of ratios is not the ratio of the means" in read.text


def test_synthetic_is_said_in_every_part(evidence: Evidence, read: Reader) -> None:
    assert read.text.startswith("SYNTHETIC: ")
    sections = [tag for tag, _ in read.tags if tag == "section"]
    assert read.text.count("SYNTHETIC") >= len(sections) - 3
    real = of_page(replace(evidence, synthetic=False))
    assert "SYNTHETIC" not in real.text


def test_the_same_evidence_gives_the_same_bytes(evidence: Evidence) -> None:
    assert page(evidence, {"curves": [picture()]}) == page(evidence, {"curves": [picture()]})


def test_nothing_tells_where_or_when_or_how_long(evidence: Evidence, read: Reader) -> None:
    html = page(evidence, {})
    for private in ("/home", "somebody", "/tmp", "seconds", "13.0"):
        assert private not in html


def test_names_that_are_markup_stay_names(tmp_path: Path) -> None:
    runs = fake_runs(tmp_path, arms=["clinical-only", "rbca"], subjects=40, ablations=False, hostile=HOSTILE)
    hostile = of_page(gather_evidence([Run(path) for path in runs]))
    assert [tag for tag, _ in hostile.tags].count("script") == 1  # the page's own
    assert f"{HOSTILE}scans whose visit" in hostile.text
    assert any(HOSTILE in caption for caption in hostile.tables)


def test_a_picture_brings_its_words_escaped_and_its_files(read: Reader) -> None:
    assert "a & b" in read.text
    assert "caption <b>" in read.text
    assert "figures/roc.svg, .png, .csv" in read.text


def test_one_run_without_anything_more_still_makes_a_page(tmp_path: Path) -> None:
    runs = fake_runs(tmp_path, arms=["rbca"], folds=1, subjects=60, validation=False, ablations=False, published=False)
    for name in ("history.csv", "cohort.csv"):
        (runs[0] / name).unlink()
    alone = of_page(gather_evidence([Run(path) for path in runs]))
    assert "Whether fusion helps was not asked here." in alone.text
    assert "No temperature is shown where no subjects were set aside for validation" in alone.text
    assert "pairs" not in {attributes.get("id") for _, attributes in alone.tags}
    assert alone.text.count("trained on only") == 4


def test_three_classes_leave_out_what_is_for_two(tmp_path: Path) -> None:
    runs = fake_runs(
        tmp_path, arms=["clinical-only", "rbca"], subjects=60, ablations=False, classes=("CN", "MCI", "AD")
    )
    many = of_page(gather_evidence([Run(path) for path in runs]))
    assert "Calibration and net benefit are for two classes; this task has more." in many.text
    (caption,) = [name for name in many.tables if name.startswith("Scores at subject level")]
    assert many.tables[caption][0][2] == "macro AUC"


def test_the_best_arm_is_set_off_only_where_it_is_distinguishable(evidence: Evidence) -> None:
    def strong(pairs: pd.DataFrame) -> bool:
        return any("strong" in (a.get("class") or "") for _, a in Reader(page(replace(evidence, pairs=pairs), {})).tags)

    assert not strong(evidence.pairs.assign(p_holm=0.2))
    ahead = evidence.pairs.assign(p_holm=0.001, difference=0.1)  # the first arm is ahead of all
    assert strong(ahead)


def test_what_tells_the_story_is_open_and_all_else_is_folded_once(evidence: Evidence) -> None:
    other = replace(picture("of one patient"), name="examples-a")
    html = page(evidence, {"curves": [picture("of all")], "explanations": [other]})
    story, folded = html.split('<section id="more"')
    assert 'id="figure-roc"' in story
    assert 'id="figure-examples-a"' in folded
    assert html.count('id="figure-') == 2
    assert "<details" not in story
    assert "<details open" not in folded


def test_table_one_is_of_all_that_is_known_of_the_subjects(read: Reader) -> None:
    (caption,) = [name for name in read.tables if name.startswith("Table 1. ")]
    heading, *rows = read.tables[caption]
    assert heading == ["characteristic", "all", "CN", "AD", "missing", "SMD"]
    assert [row[0] for row in rows][:2] == ["subjects", "PTGENDER = Female"]
    assert rows[0][1:4] == ["60", "30", "30"]


def test_table_one_by_fold_is_folded_with_the_one_in_full(evidence: Evidence) -> None:
    cells = {"column": ["subjects", "AGE, mean (SD)"], "all": ["60", "70 (8)"], "fold 1": ["30", "71 (8)"]}
    table = pd.DataFrame({**cells, "fold 2": ["30", "69 (8)"], "missing": ["", "3"], "SMD": ["", "0.25"]})
    read = Reader(page(replace(evidence, people_by_fold=table), {}))
    (own,) = (read.tables[name] for name in read.tables if name.startswith("Table 1. The same subjects by fold"))
    assert own == [
        ["characteristic", "all", "fold 1", "fold 2", "missing"],
        ["subjects", "60", "30", "30", ""],
        ["AGE", "70 (8)", "71 (8)", "69 (8)", "3"],
    ]
    assert fold_grid(evidence) is None


def test_tables_lose_the_rows_and_columns_that_are_dashes() -> None:
    dash = Cell("\N{EN DASH}")
    full = Grid("g", ["a", "b", "c"], [[Cell("x"), dash, Cell("1")], [Cell("y"), dash, dash]], texts=(2,))
    assert filled([full, Grid("h", ["a", "b"], [[Cell("x"), dash]])]) == [
        Grid("g", ["a", "c"], [[Cell("x"), Cell("1")]], [1])
    ]


def test_groups_without_a_score_are_counted_and_a_group_that_is_everyone_is_left_out(evidence: Evidence) -> None:
    rows = [
        ("rbca", "site", "a", 0.8, 30),
        ("rbca", "site", "b", float("nan"), 2),
        ("rbca", "scanner", "1.5 T", 0.7, 60),
    ]
    table = pd.DataFrame(rows, columns=["arm", "variable", "group", "value", "subjects"])
    (grid,) = wide_subgroups(replace(evidence, subgroups=table.assign(metric="auc", low=0.5, high=0.9)))
    assert grid.caption == "AUC by site, subject level; 1 group too small to be scored"
    assert [[cell.text for cell in row] for row in grid.rows] == [["a", "30", "\N{EN DASH}", "0.80", "\N{EN DASH}"]]


def test_published_rows_without_an_arm_of_ours_are_left_out(evidence: Evidence) -> None:
    others = replace(evidence, arms=evidence.arms[2:])
    assert published_grid(others) == []
