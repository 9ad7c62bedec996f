"""Options read off sources are those that the imported components have."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fusekit.extension import catalog
from fusekit.extension.options import option_parameters
from fusekit.extension.signatures import option_names

MODULE = """
from dataclasses import dataclass
from elsewhere_{0} import Far, other as near


class Own:
    def __init__(self, a, *, b=1, c: int = 2): ...


class Heir(Own):
    pass


class Child(Far):
    x = 1


class Hidden(near.Unknown): ...


@dataclass(frozen=True, kw_only=True)
class Plain:
    d: int = 1
    e: str = ""


@dataclass
class ByPlace:
    d: int = 1


def function(a, *, f=1, **rest): ...
"""


def test_every_registered_component_shows_the_options_that_it_takes() -> None:
    seen = 0
    for kinds, registry in catalog().registries.items():
        for name in registry.names() if kinds != "fusions" else ():  # which take none
            factory = registry.entries[name].factory
            found = option_names(factory)
            assert found in (None, set(option_parameters(registry.get(name)))), name
            seen += found is not None
    assert seen > 10


def test_classes_functions_heirs_and_what_cannot_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "elsewhere_0.py").write_text("class Far:\n    def __init__(self, *, g=1): ...\n")
    package = tmp_path / "parts_0"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (package / "inner.py").write_text(MODULE.format(0))
    home = "parts_0.inner"
    assert option_names(f"{home}:Own") == option_names(f"{home}:Heir") == frozenset("bc")
    assert option_names(f"{home}:Own", withhold=("c",)) == frozenset("b")
    assert option_names(f"{home}:Child") == option_names(f"{home}:Far") == frozenset("g")
    assert option_names(f"{home}:Plain") == frozenset("de")
    assert option_names(f"{home}:function") == frozenset("f")
    for unseen in ("Hidden", "ByPlace", "Missing", "near"):
        assert option_names(f"{home}:{unseen}") is None
    assert option_names("parts_1.inner:Own") is None
    assert "parts_0" not in sys.modules
