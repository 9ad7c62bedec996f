"""What the plugins together offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from fusekit.errors import NameTaken, OptionError, PluginError
from fusekit.extension import Catalog, Plugin, PluginHost, Register, catalog, hookimpl
from fusekit.extension.kinds import KINDS


def host_of(**plugins: object) -> PluginHost:
    host = PluginHost()
    for name, module in plugins.items():
        host.add(module, Plugin(name, "fusekit" if name == "builtin" else f"fusekit-{name}", "1", name))
    return host


class Heads:
    @hookimpl
    def register(self, to: Register) -> None:
        to.head("mine", dict, "a head")


def test_bundled_plugins_fill_every_registry() -> None:
    assert {"builtin", "rbca", "adni"} <= set(catalog().host.plugins)
    assert list(catalog().registries) == [kind.plural for kind in KINDS]
    for registry in catalog().registries.values():
        assert registry.entries or registry.families, registry.kind
    assert catalog() is catalog()  # loaded once a process


def test_every_name_leads_to_something() -> None:
    for registry in catalog().registries.values():
        for name in registry.names():
            assert callable(registry.get(name)), (registry.kind, name)
            assert registry.entries[name].summary, f"{name} has no line for `fusekit list`"


def test_entries_know_the_plugin_that_registered_them() -> None:
    entry = Catalog(host_of(a=Heads())).heads.entries["mine"]
    assert (entry.plugin.name, entry.summary) == ("a", "a head")
    with pytest.raises(AttributeError, match="no 'haeds'; did you mean 'heads'"):
        _ = catalog().haeds


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("builtin", "a")])
def test_two_plugins_with_one_name_are_an_error_that_names_both(first: str, second: str) -> None:
    """The one that is bundled, or comes first in the alphabet, has the name."""
    said = rf"head 'mine' of plugin '{second}' .* is already registered by plugin '{first}'.*\n.*DISABLE={second}"
    with pytest.raises(NameTaken, match=said):
        Catalog(host_of(**{name: Heads() for name in sorted((first, second))}))


@dataclass
class Recipe:
    """As ``Fusion``: plain data."""

    head: Any

    def __post_init__(self) -> None:
        if not isinstance(self.head, str):
            raise OptionError("head takes a name, not a class.")


@pytest.mark.parametrize(
    ("register", "said"),
    [
        (lambda to: to.metric("x"), "failed in register: TypeError"),
        (lambda to: to.haed("x", dict), r"failed in register: AttributeError: there is no to\.haed; .*'head'"),
        (lambda to: to.hedas("x", dict), r"there is no to\.hedas; did you mean 'heads'"),
        (lambda to: to.clinical_encoder("x", dict), r"there is no to\.clinical_encoder; did you mean 'encoder'"),
        (lambda to: to.fusion("x", Recipe(head=dict)), "failed in register: head takes a name, not a class"),
        (lambda to: to.head("x", Recipe(head="y")), "registers the head 'x' as Recipe"),
    ],
)
def test_a_registration_that_fails_names_the_plugin(register: Any, said: str) -> None:
    class Failing:
        @hookimpl
        def register(self, to: Register) -> None:
            register(to)

    with pytest.raises(PluginError, match=rf"plugin 'bad' [\s\S]*{said}[\s\S]*FUSEKIT_DISABLE=bad"):
        Catalog(host_of(bad=Failing()))


def test_a_fusion_may_be_plain_data_a_function_or_a_reference() -> None:
    class Fusions:
        @hookimpl
        def register(self, to: Register) -> None:
            to.fusion("data", Recipe(head="concat"))
            to.fusion("function", lambda: Recipe(head="image"))
            to.fusion("reference", f"{__name__}:RECIPE")

    fusions = Catalog(host_of(mine=Fusions())).fusions
    assert [fusions.get(name)().head for name in fusions.names()] == ["concat", "image", "clinical"]


RECIPE = Recipe(head="clinical")
