"""The generated pages are those that the code gives now."""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

from fusekit.extension import Catalog, Plugin, PluginHost, hookspecs
from fusekit.extension.mistakes import HOOKS

DOCS = Path(__file__).parents[2] / "docs"


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["reference/hooks.md", "reference/cli.md", "reference/components.md"])
def test_generated_pages_are_up_to_date(page: str) -> None:
    made = generator()
    assert (DOCS / page).read_text(encoding="utf-8") == made.NOTE + made.PAGES[page](), "run `make reference`"


@pytest.mark.parametrize("page", ["reference/hooks.md", "how-to/write-a-plugin.md"])
def test_every_hook_is_documented(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    source = inspect.getsource(hookspecs)
    for name in HOOKS:
        assert name in text
        if page.startswith("reference"):
            line = next(line for line in source.splitlines() if line.startswith(f"def {name}("))
            assert f"\n## {name}\n\n```python\n{line.removesuffix(':')}\n```\n" in text


def test_every_hook_has_an_example_that_a_plugin_could_be_made_of() -> None:
    example = ModuleType("example")
    for name in HOOKS:
        (code,) = re.findall(r"```python\n(.*?)```", inspect.getdoc(getattr(hookspecs, name)) or "", flags=re.DOTALL)
        exec(code, vars(example))
    plugin, host = Plugin("example", "fusekit-example", "1", "example"), PluginHost()
    host.add(example, plugin)
    assert host.hooks_of(plugin) == sorted(HOOKS)
    assert Catalog(host).heads.names() == ["gated-sum"]
