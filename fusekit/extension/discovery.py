"""Find plugins, load them, and say clearly what went wrong when one does not load."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import pluggy

from fusekit.errors import FusekitError, PluginError
from fusekit.extension import hookspecs

GROUP = "fusekit"


@dataclass(frozen=True, slots=True)
class Plugin:
    """An installed plugin: its entry point, and where it came from."""

    name: str
    distribution: str
    version: str
    module: str

    def __str__(self) -> str:
        return f"plugin {self.name!r} ({self.distribution} {self.version}, {self.module})"

    @property
    def way_out(self) -> str:
        """The sentence that ends every message about a broken plugin."""
        return f"To go on without it: FUSEKIT_DISABLE={self.name}"


class PluginHost:
    """The loaded plugins, and their hooks called so that a failure names its plugin."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager("fusekit")
        self.manager.add_hookspecs(hookspecs)
        self.plugins: dict[str, Plugin] = {}

    def load_installed(self) -> None:
        """Load every plugin of the entry-point group ``fusekit`` that ``FUSEKIT_DISABLE`` does not name.

        Raises:
            PluginError: one does not import, does not fit a hook, or implements a hook that does not exist.
        """
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
        except Exception as error:
            raise PluginError(f"{plugin} does not import: {type(error).__name__}: {error}\n{plugin.way_out}") from error
        self.add(module, plugin)

    def add(self, module: object, plugin: Plugin) -> None:
        """Add one plugin: a module, or any object whose attributes are hook implementations.

        Raises:
            PluginError: it does not fit a hook, or implements a hook that does not exist.
        """
        try:
            self.manager.register(module, plugin.name)
            # Without this, pluggy keeps a mistyped hook waiting for a specification that never comes.
            self.manager.check_pending()
        except pluggy.PluginValidationError as error:
            self.manager.unregister(name=plugin.name)
            raise PluginError(f"{plugin} does not fit the hooks: {error}\n{plugin.way_out}") from error
        self.plugins[plugin.name] = plugin

    def call_each(self, hook: str, **arguments: Any) -> Iterator[tuple[Plugin, Any]]:
        """Call a hook's implementations one by one, in the order of the plugins' names.

        Raises:
            PluginError: an implementation raised anything but one of FuseKit's own errors.
        """
        for plugin in self.implementing(hook):
            yield plugin, self.call(plugin, hook, **arguments)

    def implementing(self, hook: str) -> list[Plugin]:
        """The plugins that implement a hook, sorted by name."""
        implementations = getattr(self.manager.hook, hook).get_hookimpls()
        return [self.plugins[i.plugin_name] for i in sorted(implementations, key=lambda i: i.plugin_name)]

    def hooks_of(self, plugin: Plugin) -> list[str]:
        """List the hooks that a plugin implements, sorted."""
        callers = self.manager.get_hookcallers(self.manager.get_plugin(plugin.name)) or []
        return sorted(caller.name for caller in callers)

    def call(self, plugin: Plugin, hook: str, **arguments: Any) -> Any:
        """Call one plugin's implementation of a hook."""
        caller = self.manager.subset_hook_caller(
            hook, [p for name, p in self.manager.list_name_plugin() if name != plugin.name]
        )
        try:
            result = caller(**arguments)
        except FusekitError:
            raise
        except Exception as error:
            raise PluginError(
                f"{plugin} failed in {hook}: {type(error).__name__}: {error}\n{plugin.way_out}"
            ) from error
        return result[0] if isinstance(result, list) and result else (None if result == [] else result)
