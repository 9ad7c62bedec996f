"""The page "Fusions, side by side" and its drawing: from the recipes, the parts, and fusion-cost.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from fusekit.report.drawing.anatomy import IMAGE, TABLE, box, canvas, finished, words

COST = Path(__file__).parent / "reference" / "fusion-cost.json"
PLAIN = "image-only"
WHERE = {"branch": "branches of", "block": "blocks of", "stage": "before"}

TEXT = """# Fusions, side by side

Every registered fusion. [Fusions of the literature](../explanation/fusions.md) has equations and sources.

```{{image}} ../pictures/fusions.svg
:alt: For each fusion a line from image and table to the prediction, with marks where the table enters the network
```

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
    return TEXT.format(read=_read(), cost=_cost(measured["found"]), **settings)


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


WIDTH, LINE, LEFT = 1080, 40, 150
STAGES, HEAD = [290, 430, 570, 710], 870


def drawing() -> str:
    """A line of each fusion that reads both: four stages and a head, with the table's arrows, in SVG."""
    from fusekit.extension import catalog

    known = catalog()
    recipes = {name: known.fusions.make(name) for name in known.fusions.names()}
    shown = {name: recipe for name, recipe in recipes.items() if recipe.image and recipe.encoder}
    svg = canvas("Where the table enters each fusion")
    top = 34
    for x, word in zip(
        [LEFT + 20, *STAGES, HEAD], ("image", "stage 1", "stage 2", "stage 3", "stage 4", "head"), strict=True
    ):
        words(svg, x + 45, top - 12, word, anchor="middle")
    for name, recipe in shown.items():
        _row(svg, top, name, recipe)
        top += LINE
    key = "Orange: where the table enters. A bar: once before a stage; a dot: in the branch of each of its blocks."
    words(svg, 16, top + 16, key)
    return finished(svg, WIDTH, top + 30)


def _row(svg: ET.Element, top: int, name: str, recipe: Any) -> None:
    middle = top + LINE / 2 - 4
    words(svg, 16, middle + 5, name, weight="bold")
    line = {"x1": f"{LEFT + 110}", "x2": f"{HEAD + 140}", "y1": f"{middle:g}", "y2": f"{middle:g}"}
    ET.SubElement(svg, "line", line, stroke=IMAGE)
    for number, x in enumerate([LEFT + 20, *STAGES]):
        _box(svg, x, top, 90, IMAGE)
        if recipe.injector and number in (recipe.stages or range(1, 5)):
            if recipe.sites == "stage":
                _box(svg, x - 20, top, 6, TABLE)
            else:
                ET.SubElement(svg, "circle", {"cx": f"{x + 45}", "cy": f"{middle:g}", "r": "8", "fill": TABLE})
    joins = recipe.head != "image"
    _box(svg, HEAD, top, 120, TABLE if joins else IMAGE)
    words(svg, HEAD + 60, middle + 5, recipe.head, anchor="middle")
    if recipe.prior:
        words(svg, HEAD + 128, middle + 5, f"+ {recipe.prior}", fill="#9a6200")


def _box(svg: ET.Element, x: float, top: float, width: float, fill: str) -> None:
    box(svg, x, top, width, LINE - 8, fill)
