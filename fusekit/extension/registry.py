"""Names and what they stand for: one registry a kind of component."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from typing import Any

from fusekit.errors import NameTaken, PluginError, UnknownName
from fusekit.extension.discovery import Plugin

#: What builds the component, or where to find it as ``"module:attribute"`` (imported on first use, so that
#: ``fusekit list`` does not wait for torch).
Factory = Callable[..., Any] | str


@dataclass(frozen=True, slots=True)
class Entry:
    """A registered name, what it builds, who registered it."""

    name: str
    factory: Factory
    plugin: Plugin
    summary: str


@dataclass(frozen=True, slots=True)
class Family:
    """Many names that share one factory, which takes the name first; the names are computed when needed."""

    label: str
    names: Factory
    factory: Factory
    plugin: Plugin
    summary: str


class Registry:
    """The components of one kind, by name."""

    def __init__(self, kind: str):
        self.kind = kind
        self.entries: dict[str, Entry] = {}
        self.families: dict[str, Family] = {}

    def add(self, entry: Entry) -> None:
        """Add a name. Raises NameTaken, naming both plugins, if another one has it."""
        other = self.entries.get(entry.name)
        if other is not None:
            raise NameTaken(
                f"the {self.kind} {entry.name!r} of {entry.plugin} is already registered by {other.plugin}.\n"
                f"Rename yours, or disable either. {entry.plugin.way_out}"
            )
        self.entries[entry.name] = entry

    def names(self) -> list[str]:
        """Every single name, sorted; families are left out because listing them may be slow."""
        return sorted(self.entries)

    def members(self, family: Family) -> list[str]:
        """Every name of a family."""
        return list(_resolve(family.names, family.plugin)())

    def find(self, name: str) -> Entry | Family:
        """Look a name up, importing nothing that it builds; a family's name may have a tag (``resnet50.a1_in1k``).

        Raises:
            UnknownName: with the nearest names.
        """
        if name in self.entries:
            return self.entries[name]
        known: list[str] = self.names()
        for family in self.families.values():
            members = self.members(family)
            if name.partition(".")[0] in members:
                return family
            known += members
        near = get_close_matches(name, known, n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"known: {', '.join(known[:12])}."
        raise UnknownName(f"no {self.kind} is called {name!r}; {hint} `fusekit list` shows them all.")

    def get(self, name: str) -> Callable[..., Any]:
        """Return what builds the component. Raises UnknownName with the nearest names."""
        found = self.find(name)
        factory = _resolve(found.factory, found.plugin)
        return partial(factory, name) if isinstance(found, Family) else factory


class Register:
    """What a ``register_*`` hook receives: it knows the registry and the plugin."""

    def __init__(self, registry: Registry, plugin: Plugin):
        self._registry = registry
        self._plugin = plugin

    def __call__(self, name: str, factory: Factory, summary: str = "") -> None:
        """Register a name.

        Args:
            name: what people type; lower case, words joined by hyphens.
            factory: a callable, or ``"module:attribute"``, imported on first use.
            summary: one line for ``fusekit list``.

        Raises:
            NameTaken: another plugin has the name.
        """
        self._registry.add(Entry(name, factory, self._plugin, summary))

    def family(self, label: str, names: Factory, factory: Factory, summary: str = "") -> None:
        """Register many names at once: ``names()`` lists them, ``factory(name, ...)`` builds one.

        A single name wins over a family's, so that a plugin can give one member defaults of its own.
        """
        other = self._registry.families.get(label)
        if other is not None:
            raise NameTaken(
                f"the family {label!r} of {self._plugin} is already registered by {other.plugin}.\n"
                f"Rename yours, or disable either. {self._plugin.way_out}"
            )
        self._registry.families[label] = Family(label, names, factory, self._plugin, summary)


def _resolve(factory: Factory, plugin: Plugin) -> Callable[..., Any]:
    """Import a ``"module:attribute"`` reference; anything else is itself."""
    if not isinstance(factory, str):
        return factory
    module, _, attribute = factory.partition(":")
    try:
        found: Callable[..., Any] = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise PluginError(
            f"{plugin} registers {factory!r}, which does not import: {error}\n{plugin.way_out}"
        ) from error
    return found


def suggest(name: str, known: Iterable[str] | Mapping[str, Any]) -> str:
    """A clause that names the nearest known names, for error messages."""
    names = list(known)
    near = get_close_matches(name, names, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else f"known: {', '.join(names)}."
