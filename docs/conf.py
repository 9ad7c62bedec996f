"""How Sphinx builds these pages."""

from importlib import metadata
from pathlib import Path
from typing import Any

from docs import inventories

project = "FuseKit"
author = "The FuseKit developers"
copyright = "2026, the FuseKit developers"  # noqa: A001 (Sphinx reads this name)
release = metadata.version("fusekit")  # not from a name `version`: Sphinx would read that too

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
    "sphinx_design",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autosummary_generate = False  # its tables link to the pages of the API; it writes none
napoleon_numpy_docstring = False
intersphinx_mapping = inventories.write(Path(__file__).parent / "_build" / "inventories")

html_extra_path = ["extra"]  # the example report, as it is
html_static_path = ["static"]
html_css_files = ["site.css"]
html_theme = "furo"
html_title = f"FuseKit {release}"


def setup(app: Any) -> None:
    app.connect("autodoc-process-docstring", _shapes)
    app.connect("autodoc-process-docstring", _sentences, priority=600)  # after napoleon


def _shapes(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """The star of a shape such as (B, C, *S) begins no emphasis."""
    lines[:] = [line.replace("*S", r"\*S") for line in lines]


def _sentences(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """What stands before a colon in the first line of a property is no type, which napoleon takes it for."""
    types = [i for i, line in enumerate(lines) if line.startswith(":type: ")]
    if what in ("attribute", "property", "data") and types:
        lines[0] = f"{lines.pop(types[0]).removeprefix(':type: ')}: {lines[0]}"
