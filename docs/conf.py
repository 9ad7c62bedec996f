"""How Sphinx builds these pages."""

from importlib.metadata import version

project = "FuseKit"
author = "The FuseKit developers"
copyright = "2026, the FuseKit developers"  # noqa: A001 (Sphinx reads this name)
release = version("fusekit")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"FuseKit {release}"
