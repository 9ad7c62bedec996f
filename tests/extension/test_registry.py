"""Names: taken, unknown, near, and what a reference leads to."""

from __future__ import annotations

import pytest

from fusekit.errors import NameTaken, PluginError, UnknownName
from fusekit.extension import Plugin
from fusekit.extension.registry import Register, Registry, suggest


def plugin(name: str) -> Plugin:
    return Plugin(name, f"fusekit-{name}", "1.0", f"fusekit_{name}")


@pytest.fixture
def registry() -> Registry:
    made = Registry("fusion")
    Register(made, plugin("ours"))("rbca", "collections:OrderedDict", "one")
    Register(made, plugin("ours"))("concat", dict)
    return made


def test_a_name_gives_its_factory_whether_given_or_referred_to(registry: Registry) -> None:
    from collections import OrderedDict

    assert registry.get("rbca") is OrderedDict
    assert registry.get("concat") is dict
    assert registry.names() == ["concat", "rbca"]
    assert (registry.entries["rbca"].plugin.name, registry.entries["rbca"].summary) == ("ours", "one")


def test_an_unknown_name_is_answered_with_the_nearest(registry: Registry) -> None:
    with pytest.raises(UnknownName, match=r"no fusion is called 'rcba'; did you mean 'rbca'\?"):
        registry.get("rcba")
    with pytest.raises(UnknownName, match=r"no fusion is called 'zzz'; known: concat, rbca\."):
        registry.get("zzz")


def test_a_taken_name_names_both_plugins_and_the_way_out(registry: Registry) -> None:
    with pytest.raises(
        NameTaken,
        match=r"'rbca' of plugin 'theirs' \(fusekit-theirs 1\.0, fusekit_theirs\) is already registered by "
        r"plugin 'ours' \(fusekit-ours 1\.0, fusekit_ours\)\.\n[\s\S]*FUSEKIT_DISABLE=theirs",
    ):
        Register(registry, plugin("theirs"))("rbca", list)
    assert registry.entries["rbca"].plugin == plugin("ours")  # the first one stays


@pytest.mark.parametrize("reference", ["no_such_module:thing", "collections:NoSuchThing", "collections"])
def test_a_reference_that_leads_nowhere_names_plugin_and_reference(reference: str) -> None:
    registry = Registry("head")
    Register(registry, plugin("broken"))("thing", reference)  # not looked at before it is used
    with pytest.raises(
        PluginError,
        match=f"plugin 'broken' \\(fusekit-broken .* registers '{reference}'.*[\\s\\S]*FUSEKIT_DISABLE=broken",
    ):
        registry.get("thing")


def test_a_family_takes_the_name_first_and_a_single_name_wins_over_it() -> None:
    registry = Registry("backbone")
    register = Register(registry, plugin("zoo"))
    register.family("cats", lambda: ["lion", "tiger"], lambda name, legs: (name, legs))
    assert registry.get("lion")(4) == ("lion", 4)
    register("lion", lambda legs: ("own lion", legs))
    assert registry.get("lion")(4) == ("own lion", 4)
    assert registry.get("tiger")(4) == ("tiger", 4)
    with pytest.raises(UnknownName, match="did you mean 'tiger'"):
        registry.get("tigre")
    with pytest.raises(NameTaken, match=r"family 'cats' of plugin 'ark' .* is already registered by plugin 'zoo'"):
        Register(registry, plugin("ark")).family("cats", list, dict)


def test_suggestions() -> None:
    assert suggest("activatoin", ["activation", "width"]) == "did you mean 'activation'?"
    assert suggest("x", {"b": 1, "a": 2}) == "known: b, a."
