"""Pictures of whatever explanations a run folder holds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusekit.data import Classes
from fusekit.report.evidence import Arm, Evidence
from fusekit.report.explanations.explained import explanations
from fusekit.report.run import Run

SIZE = 8


def write(run: Path, *, injector: bool = True) -> Path:
    """Write one example, one changed column, mean maps, attributions and gates."""
    folder = run / "explanations" / "fold-0"
    folder.mkdir(parents=True)
    facts = {"target": 1, "class": "AD", "plane": "sagittal", "oriented": True, "injector": injector}
    facts["channels"] = [{"name": "image", "image": "image"}]  # older runs have none
    (folder / "explanation.json").write_text(json.dumps(facts), encoding="utf-8")
    slices = pd.DataFrame(
        {
            "row": [3],
            "subject": ["007"],
            "scan": ["1"],
            "label": [1],
            "p_0": 0.1,
            "p_1": 0.9,
            "called": 1,
            "kind": "right",
        }
    )
    slices.to_csv(folder / "examples.csv", index=False)
    rows = [(0, "007", "APOE4", v, "", "1", v == "1", 0.5, 0.5, 0.1) for v in ("0", "1", "2")]
    columns = ["example", "subject", "column", "level", "unit", "original", "is_original", "p_0", "p_1", "change"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "what_if.csv", index=False)
    means = pd.DataFrame({"label": [0, 1], "class": ["CN", "AD"], "position": 0, "slices": 4, "subjects": 2})
    means.to_csv(folder / "mean_map.csv", index=False)
    attributed = pd.DataFrame(
        {"subject": "007", "label": 1, "column": ["NA", "b"], "value": "", "attribution": [0.5, -0.2]}
    )
    attributed.to_csv(folder / "attributions.csv", index=False)
    gated = pd.DataFrame(
        {
            "site": "layer1",
            "stage": 0,
            "channels": 4,
            "label": [0, 1],
            "subjects": 2,
            "low": 0.5,
            "median": 0.6,
            "high": 0.7,
        }
    )
    gated.to_csv(folder / "gates.csv", index=False)
    for name, count in {"images": 1, "grad_cam": 1, "what_if": 3, "mean_image": 2, "mean_map": 2}.items():
        kind = np.uint8 if "image" in name else np.float16
        np.save(folder / f"{name}.npy", np.ones((count, SIZE, SIZE), dtype=kind))
    return folder


def test_maps_of_the_class_that_each_slice_is_called_are_drawn(tmp_path: Path) -> None:
    facts = write(tmp_path / "a") / "explanation.json"
    facts.write_text(json.dumps({**json.loads(facts.read_text()), "target": None, "class": None}))
    failed: list[str] = []
    pictures = explanations(replace(evidence(tmp_path, "a"), target=Classes(("CN", "AD", "MCI"))), failed.append)
    assert failed == []
    assert [picture.name for picture in pictures] == [
        *("examples-a", "what-if-a-1", "mean-map-a", "attributions-a", "gates-a")
    ]


def evidence(tmp_path: Path, *arms: str) -> Evidence:
    runs = tuple(Arm(name, "fusion", frozenset(), (Run(tmp_path / name),)) for name in arms)
    return Evidence("t", "T", Classes(("CN", "AD")), True, {}, "mean", runs, pd.DataFrame())


def test_every_kind_is_drawn_for_every_arm_in_turn(tmp_path: Path) -> None:
    write(tmp_path / "A")
    write(tmp_path / "b", injector=False)
    pictures = explanations(evidence(tmp_path, "A", "b", "c"))
    assert [picture.name for picture in pictures] == [
        "examples-a", "examples-b", "what-if-a-1", "mean-map-a", "mean-map-b", "attributions-a", "attributions-b",
        "gates-a", "gates-b",
    ]  # fmt: skip
    assert all("SYNTHETIC data" in picture.svg for picture in pictures)
    assert all(str(tmp_path) not in picture.svg + picture.caption for picture in pictures)
    assert "front (A)" in pictures[0].caption  # the plane that the explanation names
    assert pictures[5].alt.startswith("SYNTHETIC data. Mean size of the attribution: NA 0.50")  # a column of that name


@pytest.mark.parametrize("said", [{}, {"oriented": False}])
def test_no_side_is_named_where_the_orientation_was_not_read(tmp_path: Path, said: dict[str, bool]) -> None:
    folder = write(tmp_path / "a")  # or where an older FuseKit did not record whether it was
    facts = json.loads((folder / "explanation.json").read_text())
    del facts["oriented"]
    (folder / "explanation.json").write_text(json.dumps(facts | said))
    pictures = explanations(evidence(tmp_path, "a"))
    sided = [picture for picture in pictures if picture.name.startswith(("examples", "what-if", "mean"))]
    assert len(sided) == 3
    for picture in sided:
        assert "no sides are named" in picture.caption
        assert not any(f">{letter}<" in picture.svg for letter in "RLAPSI")


@pytest.mark.parametrize(
    ("missing", "left"),
    [
        (("images.npy",), ["mean-map-a", "attributions-a", "gates-a"]),
        (("what_if.npy", "gates.csv", "mean_map.npy"), ["examples-a", "attributions-a"]),
        (("attributions.csv", "what_if.csv", "mean_map.csv", "grad_cam.npy"), ["examples-a", "gates-a"]),
        (("explanation.json", "examples.csv", "mean_map.csv"), ["what-if-a-1", "attributions-a", "gates-a"]),
    ],
)
def test_what_is_not_there_is_not_drawn(tmp_path: Path, missing: tuple[str, ...], left: list[str]) -> None:
    folder = write(tmp_path / "a")
    for name in missing:
        (folder / name).unlink()
    assert [picture.name for picture in explanations(evidence(tmp_path, "a"))] == left
