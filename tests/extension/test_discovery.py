"""Plugins that are fine, and every way in which one is not."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import metadata
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fusekit.errors import DataError, NameTaken, OptionError, PluginError
from fusekit.extension import Catalog, Plugin, PluginHost, Register, catalog, hookimpl
from fusekit.extension.kinds import KINDS


def plugin(name: str = "p") -> Plugin:
    return Plugin(name, f"fusekit-{name}", "1.0", f"fusekit_{name}")


class Tasks:
    @hookimpl
    def register(self, to: Any) -> None:
        to.task("t", dict)


#: A plugin that is fine.
FINE = "import fusekit\n@fusekit.hookimpl\ndef register(to): ..."


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install modules by their text, as entry points of distributions of their own."""

    def install(**texts: str) -> None:
        entries = []
        for name, text in texts.items():
            (tmp_path / f"third_party_{name}.py").write_text(text, encoding="utf-8")
            monkeypatch.delitem(sys.modules, f"third_party_{name}", raising=False)  # an earlier test's
            entry = EntryPoint(name, f"third_party_{name}", "fusekit")
            vars(entry)["dist"] = SimpleNamespace(name=f"fusekit-{name}", version="2.1")
            entries.append(entry)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setattr(metadata, "entry_points", lambda group: entries)

    return install


def test_installed_plugins_are_known_by_name_distribution_and_hooks(installed: Any) -> None:
    installed(
        good=FINE,
        also=FINE,
    )
    host = PluginHost()
    host.load_installed()
    assert str(host.plugins["good"]) == "plugin 'good' (fusekit-good 2.1, third_party_good)"
    assert host.hooks_of(host.plugins["good"]) == ["register"]
    assert [p.name for p in host.implementing("register")] == ["good", "also"]  # as pluggy calls them
    assert host.implementing("read_image") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import no_such_module", "does not import: ModuleNotFoundError: No module named 'no_such_module'"),
        ("1/0", "does not import: ZeroDivisionError"),
        (
            "import fusekit\n@fusekit.hookimpl\ndef regsiter(to): ...",
            "does not fit the hooks: the function 'regsiter' is decorated, but no hook is called 'regsiter'",
        ),
        ("def register(to): ...", "does not fit the hooks: the function 'register' is not decorated"),
        (f"{FINE}\ndef read_image(path): ...\ndef run_ends(run): ...", r"'read_image' is not [\s\S]*\n.*'run_ends'"),
        ("import fusekit\n@fusekit.hookimpl(tryfirst=1, wrapper=2)\ndef register(to): yield", "is a wrapper"),
        ("", "implements no hook. FuseKit looks in third_party_broken for functions that are decorated"),
        ("def setup(to): to.head('x', dict)", "implements no hook"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_named_with_the_way_out(
    installed: Any, text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(broken=text, fine=FINE)
    host = PluginHost()
    with pytest.raises(PluginError, match=r"^plugin 'broken' \(fusekit-broken 2\.1, third_party_broken\)") as caught:
        host.load_installed()
    assert caught.match(message)
    assert caught.match("To continue without it: FUSEKIT_DISABLE=broken$")

    monkeypatch.setenv("FUSEKIT_DISABLE", "other, broken")
    host = PluginHost()
    host.load_installed()
    assert list(host.plugins) == ["fine"]  # the rest keeps working


def test_two_plugins_of_one_name_are_both_named(installed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(twin=FINE)
    (entry,) = metadata.entry_points(group="fusekit")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [entry, entry])
    with pytest.raises(PluginError, match=r"plugin 'twin' \(fusekit-twin .*\) has the name of plugin 'twin'"):
        PluginHost().load_installed()


def test_a_plugin_that_was_refused_is_gone() -> None:
    class Wrong:
        @hookimpl
        def register_nothing(self) -> None: ...

    host = PluginHost()
    with pytest.raises(PluginError):
        host.add(Wrong(), plugin("wrong"))
    host.add(Tasks(), plugin("right"))
    assert list(host.plugins) == ["right"]


def test_what_a_hook_raises_is_wrapped_with_the_plugin_but_own_errors_pass() -> None:
    class Failing:
        @hookimpl
        def read_image(self, path: Path) -> None:
            if path.name == "ours":
                raise DataError("a sentence of its own")
            if path.name == "end":
                raise SystemExit(0)
            raise KeyError("gone")

        @hookimpl
        def run_started(self) -> Any:
            return (number for number in range(3))

        @hookimpl
        def run_ended(self) -> Any:
            raise KeyboardInterrupt

    host = PluginHost()
    host.add(Failing(), plugin("failing"))
    with pytest.raises(PluginError, match=r"plugin 'failing' .* failed in read_image: KeyError: 'gone'\n.*DISABLE"):
        host.call(host.plugins["failing"], "read_image", path=Path("x"))
    with pytest.raises(PluginError, match=r"plugin 'failing' .* failed in read_image: SystemExit: 0\n.*DISABLE"):
        host.call(host.plugins["failing"], "read_image", path=Path("end"))
    with pytest.raises(PluginError, match=r"'failing' .* returned a generator from run_started, which runs nothing"):
        host.call(host.plugins["failing"], "run_started", underway=None)
    with pytest.raises(KeyboardInterrupt):
        host.call(host.plugins["failing"], "run_ended", underway=None, run=None)
    with pytest.raises(DataError, match=r"^a sentence of its own$"):
        host.call(host.plugins["failing"], "read_image", path=Path("ours"))


def reader(name: str, called: list[str], *, tryfirst: bool = False, trylast: bool = False) -> object:
    """A plugin that notes that it was asked, and answers with its name."""

    class Reader:
        @hookimpl(tryfirst=tryfirst, trylast=trylast)
        def read_image(self, path: Path) -> str:
            called.append(name)
            return name

    return Reader()


def test_implementations_are_called_one_by_one_in_pluggys_order_and_bundled_ones_last() -> None:
    called: list[str] = []
    host = PluginHost()
    for name, options in (
        ("aaa", {}),
        ("before", {"tryfirst": True}),
        ("builtin", {"tryfirst": True}),
        ("late", {"trylast": True}),
        ("xray", {}),
    ):
        host.add(reader(name, called, **options), Plugin(name, "fusekit" if name == "builtin" else name, "1", name))
    by_pluggy = reversed(host.manager.hook.read_image.get_hookimpls())
    assert [implementation.plugin_name for implementation in by_pluggy] == ["builtin", "before", "xray", "aaa", "late"]
    results = (host.call(plugin, "read_image", path=Path("x")) for plugin in host.implementing("read_image"))
    assert next(results) == "before"
    assert called == ["before"]  # the others only when they are asked for
    assert list(results) == ["xray", "aaa", "late", "builtin"]


def test_one_plugin_may_implement_a_hook_twice_and_need_not_be_hashable() -> None:
    class Readers:
        __hash__ = None  # type: ignore[assignment]  # as of a dataclass

        @hookimpl
        def read_image(self, path: Path) -> str | None:
            return "first" if path.name == "a" else None

        @hookimpl(specname="read_image")
        def read_more(self, path: Path) -> str | None:
            return "second" if path.name == "b" else None

    host = PluginHost()
    host.add(Readers(), plugin())
    assert [host.call(plugin(), "read_image", path=Path(name)) for name in "abc"] == ["first", "second", None]


def test_one_module_under_two_names_is_an_error() -> None:
    host, module = PluginHost(), Tasks()
    host.add(module, plugin("one"))
    with pytest.raises(PluginError, match=r"^plugin 'two' .* does not fit the hooks: [\s\S]*already registered"):
        host.add(module, plugin("two"))


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
