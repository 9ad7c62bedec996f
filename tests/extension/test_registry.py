"""Names: taken, unknown, near, and what a reference leads to."""

from __future__ import annotations

from copy import copy
from typing import Any

import pytest

from fusekit.errors import NameTaken, PluginError, UnknownName
from fusekit.extension import Plugin
from fusekit.extension.kinds import KINDS
from fusekit.extension.registry import Register, Registry, suggest


def plugin(name: str) -> Plugin:
    return Plugin(name, f"fusekit-{name}", "1.0", f"fusekit_{name}")


def empty(name: str) -> Registry:
    (kind,) = [kind for kind in KINDS if kind.name == name]
    return Registry(kind)


@pytest.fixture
def registry() -> Registry:
    made = empty("fusion")
    made.add(plugin("ours"), "rbca", "collections:OrderedDict", "one")
    made.add(plugin("ours"), "concat", dict)
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
        registry.add(plugin("theirs"), "rbca", list)
    assert registry.entries["rbca"].plugin == plugin("ours")  # the first one stays


@pytest.mark.parametrize(
    "reference", ["no_such_module:thing", "collections:NoSuchThing", "collections:abc", "lib2to3.this:that", "this:x"]
)
def test_a_reference_that_leads_nowhere_names_plugin_and_reference(reference: str) -> None:
    registry = empty("head")
    registry.add(plugin("broken"), "thing", reference)  # not looked at before it is used
    with pytest.raises(
        PluginError,
        match=f"plugin 'broken' \\(fusekit-broken .* registers '{reference}'.*[\\s\\S]*FUSEKIT_DISABLE=broken",
    ):
        registry.get("thing")


def test_a_family_takes_the_name_first_and_a_single_name_wins_over_it() -> None:
    registry = empty("backbone")
    to = Register([registry], plugin("zoo"))
    to.backbones("cats", lambda: ["lion", "tiger"], lambda name, legs: (name, legs))
    assert registry.get("lion")(4) == ("lion", 4)
    to.backbone("lion", lambda legs: ("own lion", legs))
    assert registry.get("lion")(4) == ("own lion", 4)
    assert registry.get("tiger")(4) == ("tiger", 4)
    with pytest.raises(UnknownName, match="did you mean 'tiger'"):
        registry.get("tigre")
    with pytest.raises(
        NameTaken, match=r"family of backbones 'cats' of plugin 'ark' .* is already registered by plugin 'zoo'"
    ):
        Register([registry], plugin("ark")).backbones("cats", list, dict)


def test_suggestions() -> None:
    assert suggest("activatoin", ["activation", "width"]) == "did you mean 'activation'?"
    assert suggest("x", {"b": 1, "a": 2}) == "known: b, a."
    assert suggest("x", [str(n) for n in range(30)]) == "known: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 20 more."


@pytest.mark.parametrize(
    ("name", "factory", "said"),
    [
        (dict, "gated-sum", "a head under the name <class 'dict'>.*to.head\\(name, factory, summary\\)"),
        ("", dict, "under the name ''"),
        ("a,b", dict, "under the name 'a,b'"),
        ("a b", dict, "under the name 'a b'"),
        ("../a", dict, "under the name"),
        ("-a", dict, "under the name '-a'"),
        (
            "thing",
            "my_package.heads.GatedSum",
            "the head 'thing' as 'my_package.heads.GatedSum'. .*package.module:name",
        ),
        ("thing", "my_package.heads:", "as 'my_package.heads:'"),
        ("thing", 3, "as 3. Give a class"),
        ("thing", None, "as None. Give a class"),
    ],
)
def test_what_cannot_be_a_name_or_a_factory_is_refused_at_once(name: Any, factory: Any, said: str) -> None:
    with pytest.raises(PluginError, match=rf"plugin 'broken' .*{said}[\s\S]*FUSEKIT_DISABLE=broken"):
        Register([empty("head")], plugin("broken")).head(name, factory)


def test_copying_to_is_no_endless_recursion() -> None:
    to = copy(Register([empty("head")], plugin("p")))
    with pytest.raises(AttributeError, match=r"there is no to\.register; "):
        to.register("x", dict)


def listing_fails() -> list[str]:
    raise KeyError("gone")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (listing_fails, "cannot be made: KeyError: 'gone'"),
        (lambda: 5, "cannot be made: TypeError: 'int' object is not iterable"),
        (lambda: ["a", 2], "are text, not 2"),
    ],
)
def test_a_family_that_cannot_say_its_names_is_refused(names: Any, said: str) -> None:
    registry = empty("head")
    registry.add_family(plugin("p"), "nets", names, dict)
    with pytest.raises(PluginError, match=rf"^the names of the family 'nets' of plugin 'p' .*{said}"):
        registry.find("net1")


@pytest.mark.parametrize(("factory", "said"), [(lambda: 1 / 0, "ZeroDivisionError"), (exit, "SystemExit")])
def test_what_a_factory_raises_becomes_a_sentence(factory: Any, said: str) -> None:
    registry = empty("metric")
    registry.add(plugin("p"), "mine", factory)
    with pytest.raises(PluginError, match=f"^the metric 'mine' cannot be made: {said}: "):
        registry.make("mine")
