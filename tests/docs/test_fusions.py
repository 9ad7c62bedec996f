"""The page of fusions has all of them, with what was measured, and its drawing what their recipes say."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree as ET

from docs import fusions
from fusekit.extension import catalog

COSTS = json.loads(fusions.COST.read_text())["found"]


def test_every_fusion_is_in_the_table_and_every_network_in_that_of_costs() -> None:
    read, cost = fusions.page().partition("## What they cost")[::2]
    assert re.findall(r"^\| `([\w-]+)` \|", read, re.MULTILINE) == catalog().fusions.names()
    others = {"clinical-only", "table-first", "gbdt-network"}  # no image, or another's network
    assert set(re.findall(r"^\| `([\w-]+)` \|", cost, re.MULTILINE)) == set(catalog().fusions.names()) - others


def test_costs_are_what_was_measured() -> None:
    assert f"| `film` | {COSTS['film']['parameters']:,} |" in fusions.page()
    assert all(row["multiply_adds"] >= COSTS["image-only"]["multiply_adds"] for row in COSTS.values())


def test_what_each_says_of_a_patient() -> None:
    said = {name: fusions.says(name) for name in ("concat", "metanet", "gmu", "late", "cross-attention")}
    assert said == {
        "concat": "nothing more",
        "metanet": "gates of channels",
        "gmu": "weight of image",
        "late": "weight of image; weight of table",
        "cross-attention": "weight of columns",
    }


def test_the_drawing_marks_the_stages_of_each_recipe_inside_the_picture() -> None:
    svg = ET.fromstring(fusions.drawing())
    width, height = map(float, svg.attrib["viewBox"].split()[2:])
    recipes = {name: catalog().fusions.make(name) for name in catalog().fusions.names()}
    names = [text.text for text in svg.findall(".//{*}text") if text.attrib["font-weight"] == "bold"]
    assert names == [name for name, recipe in recipes.items() if recipe.image and recipe.encoder]
    dots = sum(
        len(recipe.stages or range(4)) for recipe in recipes.values() if recipe.injector and recipe.sites != "stage"
    )
    assert len(svg.findall(".//{*}circle")) == dots
    for box in svg.findall(".//{*}rect"):
        assert float(box.attrib["x"]) + float(box.attrib["width"]) <= width
        assert float(box.attrib["y"]) + float(box.attrib["height"]) <= height


def test_each_has_its_card_with_an_equation_a_picture_and_what_a_step_costs() -> None:
    cards = fusions.page().partition("## What they read")[0].split(":::{grid-item-card} ")[1:]
    assert [card.split()[0] for card in cards] == list(fusions.both())
    for card in cards:
        name = card.split()[0]
        equation = card.split("```")[1].removeprefix("text").strip()
        assert "=" in equation, name
        assert equation.splitlines()[0].strip("`") in fusions.EQUATIONS.read_text(), name
        assert (
            f"Training step: {COSTS[name]['training'][0]:.2f} of plain." in card
            if name in COSTS
            else "see below" in card
        )
        svg = ET.fromstring(fusions.picture(name))
        width, height = map(float, svg.attrib["viewBox"].split()[2:])
        for box in svg.findall(".//{*}rect"):
            assert float(box.attrib["x"]) + float(box.attrib["width"]) <= width, name
            assert float(box.attrib["y"]) + float(box.attrib["height"]) <= height, name
