"""Panels that pictures share."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from fusekit.report.drawing.palette import arm_styles
from fusekit.report.drawing.panels import Line, arm_panels, forest, overlay, rows, small_multiples

X = np.linspace(0, 1, 5)
LINES = {name: Line(X, X * k, X * k - 0.1, X * k + 0.1) for k, name in enumerate("abc", start=1)}


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_every_arm_has_a_panel_and_the_lowest_of_each_column_has_labels(count: int) -> None:
    figure = Figure()
    panels = arm_panels(figure, [f"arm {k}" for k in range(count)])
    assert len(panels) == count
    for axes in panels.values():
        axes.set_xlabel("x")
    lowest = list(panels.values())[-2:]
    for axes in panels.values():
        assert axes.xaxis.label.get_visible() == (axes in lowest)
        assert axes.get_visible()


def test_small_multiples_show_the_others_in_grey_and_one_band(monkeypatch: pytest.MonkeyPatch) -> None:
    figure = Figure()
    small_multiples(figure, LINES, {"a": "1.0"}, lambda axes: axes.set_xlabel("x"), "abc")
    panels = [axes for axes in figure.axes if axes.get_visible()]
    for axes, name in zip(panels, LINES, strict=True):
        *others, own = axes.lines
        assert len(others) == 2
        assert {line.get_color() for line in others} == {"#C8C8C8"}
        assert own.get_color() == arm_styles("abc", "abc")[name].colour
        np.testing.assert_array_equal(np.asarray(own.get_ydata()), LINES[name].y)
        assert len(axes.collections) == 1
    assert panels[0].get_title(loc="center") + panels[0].get_title(loc="left") == "a\n1.0"


def test_an_overlay_names_its_arms_and_leaves_out_undefined_bands() -> None:
    axes = Figure().subplots()
    lines = {**LINES, "d": Line(X, X, np.full(5, np.nan), np.full(5, np.nan))}
    overlay(axes, lines, {"a": "first"}, True, "abcd")
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["a: first", "b", "c", "d"]
    assert len(axes.collections) == 3
    assert legend.get_window_extent().y1 < axes.get_window_extent().y0  # below the panel


def test_a_forest_leaves_out_what_is_not_a_number() -> None:
    axes = Figure().subplots()
    nan = float("nan")
    style = arm_styles("a", "a")["a"]
    for place, limits in enumerate([(0.5, 0.4, 0.7), (0.6, nan, nan), (nan, nan, nan)]):
        forest(axes, place, limits, style)
    drawn = [np.asarray(line.get_xdata(), dtype=float).tolist() for line in axes.lines]
    assert drawn == [[0.4, 0.7], [0.5], [0.6]]
    rows(axes, ["top", "middle", "bottom"])
    low, high = axes.get_ylim()
    assert low > high  # the first row on top
