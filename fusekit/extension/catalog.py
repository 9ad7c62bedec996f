"""What every plugin together offers: one registry a kind, filled when first asked for."""

from __future__ import annotations

from functools import cache, cached_property

from fusekit.extension.discovery import PluginHost
from fusekit.extension.registry import Register, Registry


class Catalog:
    """The components that the loaded plugins register."""

    def __init__(self, host: PluginHost):
        self.host = host

    def _collect(self, kind: str, hook: str) -> Registry:
        registry = Registry(kind)
        for plugin in self.host.implementing(hook):
            self.host.call(plugin, hook, register=Register(registry, plugin))
        return registry

    @cached_property
    def tasks(self) -> Registry:
        """What ``fusekit run NAME`` can run."""
        return self._collect("task", "register_tasks")

    @cached_property
    def fusions(self) -> Registry:
        """What ``--fusion NAME`` can name."""
        return self._collect("fusion", "register_fusions")

    @cached_property
    def baselines(self) -> Registry:
        """What ``--baseline NAME`` can name."""
        return self._collect("baseline", "register_baselines")

    @cached_property
    def backbones(self) -> Registry:
        """What ``--backbone NAME`` can name."""
        return self._collect("backbone", "register_backbones")

    @cached_property
    def encoders(self) -> Registry:
        """Clinical encoders, named by fusions."""
        return self._collect("clinical encoder", "register_clinical_encoders")

    @cached_property
    def injectors(self) -> Registry:
        """Injectors, named by fusions."""
        return self._collect("injector", "register_injectors")

    @cached_property
    def heads(self) -> Registry:
        """Fusion heads, named by fusions."""
        return self._collect("head", "register_heads")

    @cached_property
    def metrics(self) -> Registry:
        """Metrics, named by tasks."""
        return self._collect("metric", "register_metrics")

    @cached_property
    def trackers(self) -> Registry:
        """What ``--track NAME`` can name."""
        return self._collect("tracker", "register_trackers")

    def registries(self) -> tuple[Registry, ...]:
        """All of them, in the order in which people meet them."""
        models = (self.backbones, self.encoders, self.injectors, self.heads)
        return (self.tasks, self.fusions, self.baselines, *models, self.metrics, self.trackers)


@cache
def catalog() -> Catalog:
    """The catalog of the installed plugins, loaded once a process.

    Raises:
        PluginError: a plugin cannot be used.
    """
    host = PluginHost()
    host.load_installed()
    return Catalog(host)
