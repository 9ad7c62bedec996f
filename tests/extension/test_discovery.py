"""Plugins that are fine, and every way in which one is not."""

from __future__ import annotations

import sys
from importlib import metadata
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fusekit.errors import DataError, PluginError
from fusekit.extension import Plugin, PluginHost, hookimpl


def plugin(name: str = "p") -> Plugin:
    return Plugin(name, f"fusekit-{name}", "1.0", f"fusekit_{name}")


class Tasks:
    @hookimpl
    def register_tasks(self, register: Any) -> None:
        register("t", dict)


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
        good="import fusekit\n@fusekit.hookimpl\ndef register_heads(register): ...",
        also="import fusekit\n@fusekit.hookimpl\ndef register_heads(register): ...",
    )
    host = PluginHost()
    host.load_installed()
    assert str(host.plugins["good"]) == "plugin 'good' (fusekit-good 2.1, third_party_good)"
    assert host.hooks_of(host.plugins["good"]) == ["register_heads"]
    assert [p.name for p in host.implementing("register_heads")] == ["also", "good"]
    assert host.implementing("register_tasks") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import no_such_module", "does not import: ModuleNotFoundError: No module named 'no_such_module'"),
        ("1/0", "does not import: ZeroDivisionError"),
        (
            "import fusekit\n@fusekit.hookimpl\ndef register_fusoins(register): ...",
            "does not fit the hooks: unknown hook 'register_fusoins'",
        ),
        (
            "import fusekit\n@fusekit.hookimpl\ndef register_fusions(registry): ...",
            r"does not fit the hooks: [\s\S]*registry",
        ),
    ],
)
def test_a_plugin_that_cannot_be_used_is_named_with_the_way_out(
    installed: Any, text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(broken=text, fine="")
    host = PluginHost()
    with pytest.raises(PluginError, match=r"^plugin 'broken' \(fusekit-broken 2\.1, third_party_broken\)") as caught:
        host.load_installed()
    assert caught.match(message)
    assert caught.match("To go on without it: FUSEKIT_DISABLE=broken$")

    monkeypatch.setenv("FUSEKIT_DISABLE", "other, broken")
    host = PluginHost()
    host.load_installed()
    assert list(host.plugins) == ["fine"]  # the rest keeps working


def test_two_plugins_of_one_name_are_both_named(installed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(twin="")
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
    host.add(Tasks(), plugin("right"))  # check_pending() would fail again if the first were still there
    assert list(host.plugins) == ["right"]


def test_what_a_hook_raises_is_wrapped_with_the_plugin_but_own_errors_pass() -> None:
    class Failing:
        @hookimpl
        def read_image(self, path: Path) -> None:
            if path.name == "ours":
                raise DataError("a sentence of its own")
            raise KeyError("gone")

    host = PluginHost()
    host.add(Failing(), plugin("failing"))
    with pytest.raises(PluginError, match=r"plugin 'failing' .* failed in read_image: KeyError: 'gone'\n.*DISABLE"):
        list(host.call_each("read_image", path=Path("x")))
    with pytest.raises(DataError, match=r"^a sentence of its own$"):
        list(host.call_each("read_image", path=Path("ours")))


def test_implementations_are_called_one_by_one_and_only_when_asked_for() -> None:
    called = []

    class First:
        @hookimpl
        def read_image(self, path: Path) -> str:
            called.append("first")
            return "volume"

    class Second:
        @hookimpl
        def read_image(self, path: Path) -> None:
            called.append("second")

    host = PluginHost()
    host.add(Second(), plugin("b"))
    host.add(First(), plugin("a"))
    results = host.call_each("read_image", path=Path("x"))
    assert next(results) == (plugin("a"), "volume")  # by name, not in the order of registration
    assert called == ["first"]
    assert next(results) == (plugin("b"), None)
