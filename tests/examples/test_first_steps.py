"""The notebook of first steps runs, and shows what it says."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "first_steps.ipynb"


def cells(kind: str) -> list[dict[str, Any]]:
    found = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in found if cell["cell_type"] == kind]


def shown(source: str, names: dict[str, Any]) -> Any:
    """Run a cell as a notebook does, and return what its last expression gives."""
    *body, last = ast.parse(source).body
    assert isinstance(last, ast.Expr), f"this cell shows nothing: {source}"
    exec(compile(ast.Module(body, []), str(NOTEBOOK), "exec"), names)
    return eval(compile(ast.Expression(last.value), str(NOTEBOOK), "eval"), names)


def test_nothing_that_was_put_out_is_kept() -> None:
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells("code"))


def test_every_cell_runs_and_shows_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in cells("code"):
        found = shown("".join(cell["source"]), names)
        kinds = [kind for kind in ("_repr_html_", "_repr_svg_", "_repr_png_") if hasattr(found, kind)]
        assert kinds, f"a notebook has no picture or table of {found!r}"
        assert all(len(getattr(found, kind)()) > 100 for kind in kinds)
    run, comparison = names["run"], names["comparison"]
    assert run.synthetic
    assert "SYNTHETIC" in run._repr_html_()
    scores = run.scores.query("level == 'subject' and metric == 'auc'")["value"]
    assert scores.item() > 0.7  # it has learned
    assert set(comparison.scores["arm"]) == {"image-only", "concat", "logistic"}
