"""How Sphinx builds these pages."""

from importlib import metadata
from typing import Any

project = "FuseKit"
author = "The FuseKit developers"
copyright = "2026, the FuseKit developers"  # noqa: A001 (Sphinx reads this name)
release = metadata.version("fusekit")  # not from a name `version`: Sphinx would read that too

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_numpy_docstring = False

html_extra_path = ["extra"]  # the example report, as it is
html_theme = "furo"
html_title = f"FuseKit {release}"


def setup(app: Any) -> None:
    app.connect("autodoc-process-docstring", _shapes)


def _shapes(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """The star of a shape such as (B, C, *S) begins no emphasis."""
    lines[:] = [line.replace("*S", r"\*S") for line in lines]
