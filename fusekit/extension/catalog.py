"""What every plugin together offers: one registry per kind."""

from __future__ import annotations

from functools import cache

from fusekit.errors import FusekitError, PluginError
from fusekit.extension.discovery import PluginHost
from fusekit.extension.kinds import KINDS
from fusekit.extension.registry import Register, Registry, suggest


class Catalog:
    """The components that the loaded plugins register, ``catalog.heads`` and so on; PluginError names who is wrong."""

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
