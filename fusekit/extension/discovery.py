"""Find plugins, load them, say clearly what went wrong, and collect what they register."""

from __future__ import annotations

import inspect
import os
from functools import cache
from importlib import metadata
from typing import Any

import pluggy

import fusekit.extension.hookspecs as hookspecs
from fusekit.errors import FAILURES, FusekitError, PluginError
from fusekit.extension.kinds import KINDS
from fusekit.extension.mistakes import mistakes
from fusekit.extension.registry import Plugin, Register, Registry, suggest

GROUP = "fusekit"


class PluginHost:
    """The loaded plugins, and their hooks called so that a failure names its plugin."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager("fusekit")
        self.manager.add_hookspecs(hookspecs)
        self.plugins: dict[str, Plugin] = {}

    def load_installed(self) -> None:
        """Load every plugin of the entry-point group ``fusekit`` that ``FUSEKIT_DISABLE`` does not name."""
        disabled = {name.strip() for name in os.environ.get("FUSEKIT_DISABLE", "").split(",")}
        for entry in sorted(metadata.entry_points(group=GROUP), key=lambda entry: entry.name):
            if entry.name not in disabled:
                self._load(entry)

    def _load(self, entry: metadata.EntryPoint) -> None:
        dist = entry.dist
        plugin = Plugin(entry.name, dist.name if dist else "?", dist.version if dist else "?", entry.value)
        if plugin.name in self.plugins:
            other = self.plugins[plugin.name]
            raise PluginError(
                f"{plugin} has the name of {other}. Uninstall one of the two, or rename the entry point of yours."
            )
        try:
            module = entry.load()
        except FAILURES as error:
            raise PluginError(f"{plugin} does not import: {type(error).__name__}: {error}\n{plugin.way_out}") from error
        self.add(module, plugin)
        if not self.hooks_of(plugin):
            raise PluginError(
                f"{plugin} implements no hook. FuseKit looks in {plugin.module} for functions that are decorated with "
                f"@fusekit.hookimpl: define them there, or import them there.\n{plugin.way_out}"
            )

    def add(self, module: object, plugin: Plugin) -> None:
        """Add one plugin: a module, or any object whose attributes are hook implementations.

        PluginError if it does not fit a hook, or has a function that was meant as a hook and is none.
        """
        if wrong := list(mistakes(module)):
            raise PluginError("\n".join([f"{plugin} does not fit the hooks: {wrong[0]}", *wrong[1:], plugin.way_out]))
        try:
            self.manager.register(module, plugin.name)
        except (pluggy.PluginValidationError, ValueError) as error:  # also the same module a second time
            raise PluginError(f"{plugin} does not fit the hooks: {error}\n{plugin.way_out}") from error
        self.plugins[plugin.name] = plugin

    def implementing(self, hook: str) -> list[Plugin]:
        """The plugins that implement a hook, in pluggy's order (the last one loaded first), but bundled ones last."""
        names = dict.fromkeys(implementation.plugin_name for implementation in self._implementations(hook))
        return sorted((self.plugins[name] for name in names), key=lambda plugin: plugin.bundled)

    def hooks_of(self, plugin: Plugin) -> list[str]:
        """List the hooks that a plugin implements, sorted."""
        return sorted(hook.name for hook in self.manager.get_hookcallers(self.manager.get_plugin(plugin.name)) or ())

    def call(self, plugin: Plugin, hook: str, **arguments: Any) -> Any:
        """Call one plugin's implementation of a hook; of several, the first answer that is not None counts.

        PluginError for whatever it raises that is none of FuseKit's own errors.
        """
        answers = []
        for implementation in self._implementations(hook):
            if implementation.plugin_name == plugin.name:
                try:
                    answer = implementation.function(*(arguments[name] for name in implementation.argnames))
                except FusekitError:
                    raise
                except FAILURES as error:
                    raise PluginError(
                        f"{plugin} failed in {hook}: {type(error).__name__}: {error}\n{plugin.way_out}"
                    ) from error
                if inspect.isgenerator(answer) or inspect.isawaitable(answer) or inspect.isasyncgen(answer):
                    raise PluginError(
                        f"{plugin} returned a {type(answer).__name__} from {hook}, which runs nothing: make the hook a "
                        f"plain function, without yield and async.\n{plugin.way_out}"
                    )
                answers.append(answer)
        return next((answer for answer in answers if answer is not None), None)

    def _implementations(self, hook: str) -> list[pluggy.HookImpl]:
        return list(reversed(getattr(self.manager.hook, hook).get_hookimpls()))


class Catalog:
    """The components that the loaded plugins register, ``catalog.heads`` etc.; PluginError names one that fails."""

    def __init__(self, host: PluginHost):
        self.host = host
        self.registries = {kind.plural: Registry(kind) for kind in KINDS}
        # Bundled ones first: the other plugin has to rename what has one of their names.
        for plugin in reversed(host.implementing("register")):
            try:
                host.call(plugin, "register", to=Register(self.registries.values(), plugin))
            except PluginError:
                raise
            except FusekitError as error:
                raise PluginError(f"{plugin} failed in register: {error}\n{plugin.way_out}") from error

    def __getattr__(self, kinds: str) -> Registry:
        registries: dict[str, Registry] = vars(self).get("registries", {})
        if kinds not in registries:
            raise AttributeError(f"the catalog has no {kinds!r}; {suggest(kinds, registries)}")
        return registries[kinds]


@cache
def catalog() -> Catalog:
    """The catalog of the installed plugins, loaded once per process; PluginError if one cannot be used."""
    host = PluginHost()
    host.load_installed()
    return Catalog(host)
