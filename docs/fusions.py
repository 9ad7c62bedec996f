"""The page "Fusions, side by side" and its drawings: from recipes, parts, fusion-cost.json and the equations' page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

from fusekit.report.drawing.anatomy import IMAGE, TABLE, box, canvas, finished, words

DOCS = Path(__file__).parent
COST, EQUATIONS = DOCS / "reference" / "fusion-cost.json", DOCS / "explanation" / "fusions.md"
PLAIN = "image-only"
WHERE = {"branch": "branches of", "block": "blocks of", "stage": "before"}

TEXT = """# Fusions, side by side

Every registered fusion. [Fusions of the literature](../explanation/fusions.md) has equations and sources.

```{{image}} ../pictures/fusions.svg
:alt: For each fusion a line from image and table to the prediction, with marks where the table enters the network
```

## One by one

`x` is the map of a site, `v` the image's vector, `c` what the encoder makes of the table, `t` its columns' tokens. A
picture shows image, four stages and head; orange is where the table enters. Training steps are on a CPU, beside
`image-only`, of ResNet-50 ([below](#what-they-cost)).

::::{{grid}} 1 1 2 2
:gutter: 3
{cards}::::

## What they read and say

Targets are kinds of questions: classes, ordered classes, numbers and times to an event. *Absent* is whether samples may
lack their [image or their table](../how-to/missing-images-and-tables.md). *Says* is what
[explanations](../how-to/explain.md#gates) show of a patient beside maps and attributions. `+BASELINE` gives any fusion
a [prior](../explanation/table-first.md), `+POOL` a [pool](../how-to/join-slices.md), `+ENCODER` another
[encoder](../explanation/clinical-encoders.md), `-o objective.image=0.3` an
[auxiliary head](../how-to/choose-the-loss.md#auxiliary-heads), and `-o training.drop_image=0.2`
[modality dropout](../how-to/missing-images-and-tables.md).

| fusion | reads | encoder | table enters | targets | absent | says |
|---|---|---|---|---|---|---|
{read}
## What they cost

`{backbone}` with one channel, images of {size}x{size}, {columns} columns, two classes. Parameters and multiply-adds
(of one image) are counted. Times are CPU time of one thread ({processor}, torch {torch}),
fp32, channels last, batches of {batch}: medians, with least and greatest, of {rounds} rounds in which every fusion runs
once (`python -m benchmarks.fusion_cost`). The machine was busy with other work: differences of a few percent mean
nothing. A training step is forward, loss, backward and AdamW.

| fusion | parameters | multiply-adds | of plain | training step, of plain | inference, of plain |
|---|---|---|---|---|---|
{cost}
Where a fusion is missing here, its network is another's: `table-first` trains that of `rbca-light` and a table's model,
`gbdt-network` that of `image-only`.
"""


def page() -> str:
    """The text with its two tables."""
    measured = json.loads(COST.read_text(encoding="utf-8"))
    settings = {name: value for name, value in measured.items() if name != "found"}
    return TEXT.format(cards=_cards(measured["found"]), read=_read(), cost=_cost(measured["found"]), **settings)


def equation_of(name: str) -> str:
    """The first formula that the page "Fusions of the literature" has below a fusion's name."""
    text = EQUATIONS.read_text(encoding="utf-8")
    own = text.partition(f"**`{name}`**")[2].partition("\n**`")[0]
    found = re.search(r"(?<=\n\n)(?: {4}.+\n)+|(?<=: `)[^`]+(?=`)", own)
    return "" if found is None else re.sub(r"\s*(\n| {2,})\s*", "\n", found[0].strip())


def _cards(found: dict[str, Any]) -> str:
    text = ""
    for name, recipe in both().items():
        step = (
            f"Training step: {found[name]['training'][0]:.2f} of plain" if name in found else "Training step: see below"
        )
        text += f"\n:::{{grid-item-card}} {name}\n:img-top: ../pictures/fusions/{name}.svg\n"
        text += f":class-img-top: line\n:img-alt: {name}: where the table enters: {place_of(recipe)}\n"
        text += f":link: ../explanation/fusions\n:link-type: doc\n\n```text\n{equation_of(name)}\n```\n\n{step}.\n:::\n"
    return text


def both() -> dict[str, Any]:
    """Name -> recipe, of fusions that read image and table by a network."""
    from fusekit.extension import catalog

    known = catalog()
    recipes = {name: known.fusions.make(name) for name in known.fusions.names()}
    return {name: recipe for name, recipe in recipes.items() if recipe.image and recipe.encoder}


def _cost(found: dict[str, Any]) -> str:
    plain = found[PLAIN]["multiply_adds"]
    rows = []
    for name, row in found.items():
        times = ["{:.2f} ({:.2f} to {:.2f})".format(*row[kind]) for kind in ("training", "inference")]
        times = ["1", "1"] if name == PLAIN else times
        cells = [f"{row['parameters']:,}", f"{row['multiply_adds'] / 1e9:.3f} G", f"{row['multiply_adds'] / plain:.4f}"]
        rows.append(f"| {' | '.join([f'`{name}`', *cells, *times])} |\n")
    return "".join(rows)


def _read() -> str:
    from fusekit.extension import catalog

    known, rows = catalog(), []
    for name in known.fusions.names():
        recipe = known.fusions.make(name)
        stack = recipe.options.get("stack", {}).get("by")
        by = recipe.prior or stack
        table = recipe.encoder is not None or by is not None
        reads = " and ".join(["image"] * recipe.image + ["table"] * table)
        targets = "classes" if stack else "all"  # a prior takes its baseline's counterpart for other targets
        absent = "yes" if recipe.absence and not stack else "no"
        cells = [f"`{name}`", reads, recipe.encoder or "none", place_of(recipe), targets, absent, says(name)]
        rows.append(f"| {' | '.join(cells)} |\n")
    return "".join(rows)


def place_of(recipe: Any) -> str:
    """Where the table enters, in words."""
    found = []
    if recipe.injector:
        stages = ", ".join(map(str, recipe.stages)) or "1, 2, 3, 4"
        found.append(f"{WHERE[recipe.sites]} stage{'s' * (len(stages) > 1)} {stages}")
    if recipe.encoder and recipe.head != "image":
        found.append("head")
    if by := recipe.prior or recipe.options.get("stack", {}).get("by"):
        found.append(by)
    return "; ".join(found) or "not"


def says(name: str) -> str:
    """What gates a small network of the fusion has."""
    import torch

    from fusekit import build
    from fusekit.explain.gates import gates_of

    model = build(name, backbone="test_resnet", columns=3, classes=2).eval()
    image = torch.zeros(1, 1, 32, 32) if model.reads_image else None
    gates = gates_of(model, image, torch.zeros(1, model.inputs) if model.reads_clinical else None)
    words = ["gates of channels"] * any(isinstance(place, int) for place in gates)
    return "; ".join([*words, *(f"weight of {place}" for place in gates if isinstance(place, str))]) or "nothing more"


class Layout(NamedTuple):
    """Where image, stages and head begin, how wide they are, and how far before a stage the table enters."""

    image: int
    stages: tuple[int, ...]
    head: int
    width: int
    head_width: int
    gap: int


WIDTH, LINE = 1080, 40
WIDE = Layout(170, (290, 430, 570, 710), 870, 90, 120, 20)
CARD = Layout(8, (58, 108, 158, 208), 262, 36, 110, 10)


def drawing() -> str:
    """A line of each fusion that reads both: four stages and a head, with the table's arrows, in SVG."""
    svg = canvas("Where the table enters each fusion")
    top = 34
    for x, word in zip(
        [WIDE.image, *WIDE.stages, WIDE.head],
        ("image", "stage 1", "stage 2", "stage 3", "stage 4", "head"),
        strict=True,
    ):
        words(svg, x + 45, top - 12, word, anchor="middle")
    for name, recipe in both().items():
        words(svg, 16, top + LINE / 2 + 1, name, weight="bold")
        _row(svg, top, recipe)
        top += LINE
    key = "Orange: where the table enters. A bar: once before a stage; a dot: in the branch of each of its blocks."
    words(svg, 16, top + 16, key)
    return finished(svg, WIDTH, top + 30)


def picture(name: str) -> str:
    """The line of one of them, as narrow as a card."""
    svg = canvas(f"Where the table enters {name}")
    _row(svg, 16, both()[name], CARD)
    return finished(svg, 380, LINE + 24)


def _row(svg: ET.Element, top: int, recipe: Any, layout: Layout = WIDE) -> None:
    middle = top + LINE / 2 - 4
    ends = {"x1": f"{layout.image}", "x2": f"{layout.head + layout.head_width}", "y1": f"{middle:g}"}
    ET.SubElement(svg, "line", ends, y2=f"{middle:g}", stroke=IMAGE)
    for number, x in enumerate([layout.image, *layout.stages]):
        _box(svg, x, top, layout.width, IMAGE)
        if recipe.injector and number in (recipe.stages or range(1, 5)):
            if recipe.sites == "stage":
                _box(svg, x - layout.gap, top, 6, TABLE)
            else:
                centre = {"cx": f"{x + layout.width / 2:g}", "cy": f"{middle:g}"}
                ET.SubElement(svg, "circle", centre, r="8", fill=TABLE)
    joins = recipe.head != "image"
    _box(svg, layout.head, top, layout.head_width, TABLE if joins else IMAGE)
    words(svg, layout.head + layout.head_width / 2, middle + 5, recipe.head, anchor="middle")
    if recipe.prior:
        wide = layout is WIDE
        x, y = (layout.head + layout.head_width + 8, middle + 5) if wide else (layout.head, top - 4)
        words(svg, x, y, f"+ {recipe.prior}", fill="#9a6200")


def _box(svg: ET.Element, x: float, top: float, width: float, fill: str) -> None:
    box(svg, x, top, width, LINE - 8, fill)
