"""What the plugins together offer."""

from __future__ import annotations

from typing import Any

import pytest

from fusekit.errors import NameTaken, PluginError
from fusekit.extension import Catalog, Plugin, PluginHost, catalog, hookimpl


def host_of(**plugins: object) -> PluginHost:
    host = PluginHost()
    for name, module in plugins.items():
        host.add(module, Plugin(name, f"fusekit-{name}", "1", name))
    return host


class Heads:
    @hookimpl
    def register_heads(self, register: Any) -> None:
        register("mine", dict, "a head")


def test_bundled_plugins_fill_every_registry() -> None:
    assert {"builtin", "rbca", "adni"} <= set(catalog().host.plugins)
    for registry in catalog().registries():
        assert registry.entries or registry.families, registry.kind
    assert catalog() is catalog()  # loaded once a process


def test_every_name_leads_to_something() -> None:
    for registry in catalog().registries():
        for name in registry.names():
            assert callable(registry.get(name)), (registry.kind, name)
            assert registry.entries[name].summary, f"{name} has no line for `fusekit list`"


def test_entries_know_the_plugin_that_registered_them() -> None:
    entry = Catalog(host_of(a=Heads())).heads.entries["mine"]
    assert (entry.plugin.name, entry.summary) == ("a", "a head")


def test_two_plugins_with_one_name_are_an_error_that_names_both() -> None:
    with pytest.raises(NameTaken, match=r"head 'mine' of plugin 'b' .* is already registered by plugin 'a'"):
        _ = Catalog(host_of(a=Heads(), b=Heads())).heads


def test_a_registration_that_fails_names_the_plugin() -> None:
    class Failing:
        @hookimpl
        def register_metrics(self, register: Any) -> None:
            register("x")

    with pytest.raises(PluginError, match=r"plugin 'bad' .* failed in register_metrics: TypeError"):
        _ = Catalog(host_of(bad=Failing())).metrics
