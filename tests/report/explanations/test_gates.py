"""Gates of sites, and what heads weigh."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fusekit.report.explanations.folder import Explained
from fusekit.report.explanations.gates import gates


def test_gates_of_every_site_and_class(drawn: list[Figure], explained: Callable[..., Explained]) -> None:
    rows = [(f"layer{k}", k, 64, label, 20, 0.5, 0.6 + 0.1 * label, 0.9) for k in range(3) for label in (0, 1)]
    table = pd.DataFrame(rows, columns=["site", "stage", "channels", "label", "subjects", "low", "median", "high"])
    (picture,) = gates(explained({"gates": table}, {}))
    (axes,) = drawn[0].axes
    assert [np.asarray(line.get_xdata()).tolist() for line in axes.lines] == [[0.6] * 3, [0.7] * 3]
    assert [s[:, 0].tolist() for s in axes.collections[0].get_segments()] == [[0.5, 0.9]] * 3  # type: ignore[attr-defined]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["layer0", "layer1", "layer2"]
    assert picture.alt == "Median gate over all sites: CN 0.600, AD 0.700."


def test_what_a_head_weighs_is_a_picture_of_its_own_the_largest_first_to_be_kept(
    drawn: list[Figure], explained: Callable[..., Explained]
) -> None:
    columns = ["part", "site", "stage", "channels", "label", "subjects", "low", "median", "high"]
    rows = [("injector", "layer0", 1, 64, label, 20, 0.5, 0.6, 0.9) for label in (0, 1)]
    rows += [("head", f"c{k}", 0, 1, label, 20, 0.01 * k, 0.01 * k, 0.01 * k) for k in range(14) for label in (0, 1)]
    first, second = gates(explained({"gates": pd.DataFrame(rows, columns=columns)}, {}))
    assert (first.name, second.name) == ("gates-a", "weighed-a")
    (axes,) = drawn[1].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [f"c{k}" for k in range(2, 14)]
    assert np.asarray(axes.lines[0].get_xdata()).tolist() == [0.01 * k for k in range(2, 14)]
    assert axes.get_xlabel() == "weight"
    (alone,) = gates(explained({"gates": pd.DataFrame(rows[2:], columns=columns)}, {}))
    assert alone.name == "weighed-a"


def test_of_several_networks_the_picture_says_that_it_is_of_the_first(
    drawn: list[Figure], explained: Callable[..., Explained]
) -> None:
    columns = ["site", "stage", "channels", "label", "subjects", "low", "median", "high"]
    table = pd.DataFrame([("layer0", 1, 64, label, 20, 0.5, 0.6, 0.9) for label in (0, 1)], columns=columns)
    (alone,) = gates(explained({"gates": table}, {}))
    (of_three,) = gates(explained({"gates": table}, {}, networks=3))
    assert of_three.title == f"{alone.title} (the first of 3 networks)"
