"""Names and what they build: one registry per kind of component, and the ``to`` that fills them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, is_dataclass
from difflib import get_close_matches
from functools import partial
from pkgutil import resolve_name
from typing import Any

from fusekit.errors import FAILURES, FusekitError, NameTaken, PluginError, UnknownName, first_ten
from fusekit.extension.kinds import Kind

#: What builds the component, or where to find it as ``"module:attribute"`` (imported on first use, so that
#: ``fusekit list`` does not wait for torch).
Factory = Callable[..., Any] | str
_NAME = re.compile(r"[^\W_][\w.+-]*")  # people type it in options, and folders are called by it
_REFERENCE = re.compile(r"[^\d\W][\w.]*:[^\d\W][\w.]*")


@dataclass(frozen=True, slots=True)
class Entry:
    """A name, what it builds, who registered it; of a family, ``names`` lists the names that share the factory."""

    name: str
    factory: Factory
    plugin: Plugin
    summary: str
    names: Factory = list


class Registry:
    """The components of one kind, by name."""

    def __init__(self, kind: Kind):
        self.kind = kind
        self.entries: dict[str, Entry] = {}
        self.families: dict[str, Entry] = {}

    def add(self, plugin: Plugin, name: str, factory: Factory, summary: str = "") -> None:
        """Register a name, which people type; NameTaken or PluginError if it, or the factory, cannot be one."""
        self._add(self.entries, self.kind.name, Entry(name, factory, plugin, summary))

    def add_family(self, plugin: Plugin, name: str, names: Factory, factory: Factory, summary: str = "") -> None:
        """Register all of ``names()``; ``factory(name, ...)`` builds one. A name registered alone wins over it."""
        self._add(self.families, f"family of {self.kind.plural}", Entry(name, factory, plugin, summary, names))

    def _add(self, entries: dict[str, Entry], what: str, entry: Entry) -> None:
        name, plugin = entry.name, entry.plugin
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise PluginError(
                f"{plugin} registers a {what} under the name {name!r}. A name is letters, digits and hyphens, begins "
                f"with no hyphen, and comes first: to.{self.kind.name}(name, factory, summary).\n{plugin.way_out}"
            )
        for factory in (entry.factory, entry.names):
            reference = isinstance(factory, str) and _REFERENCE.fullmatch(factory)
            if not (reference or callable(factory) or (self.kind.name == "fusion" and _is_data(factory))):
                raise PluginError(
                    f"{plugin} registers the {what} {name!r} as {factory!r}. Give a class or function, or a reference "
                    f'to one: "package.module:name".\n{plugin.way_out}'
                )
        if name in entries:
            raise NameTaken(
                f"the {what} {name!r} of {plugin} is already registered by {entries[name].plugin}.\n"
                f"Rename yours, or disable either. {plugin.way_out}"
            )
        entries[name] = entry

    def names(self) -> list[str]:
        """Every single name, sorted; families are left out because listing them may be slow."""
        return sorted(self.entries)

    def members(self, family: Entry) -> list[str]:
        """Every name of a family; PluginError where it cannot say them."""
        what = f"the names of the family {family.name!r} of {family.plugin}"
        listed: list[str] = make(what, lambda: list(_resolve(family.names, family.plugin)()))
        if wrong := [name for name in listed if not isinstance(name, str)]:
            raise PluginError(f"{what} are text, not {wrong[0]!r}.\n{family.plugin.way_out}")
        return listed

    def find(self, name: str) -> Entry:
        """Look a name up without importing it, a family's with any tag (``resnet50.a1_in1k``); or UnknownName."""
        if name in self.entries:
            return self.entries[name]
        known = self.names()
        for family in self.families.values():
            members = self.members(family)
            if name.partition(".")[0] in members:
                return family
            known += members
        raise UnknownName(
            f"no {self.kind.name} is called {name!r}; {suggest(name, known)} `fusekit list` shows them all."
        )

    def get(self, name: str) -> Callable[..., Any]:
        """Return what builds the component; UnknownName as in ``find``."""
        found = self.find(name)
        factory = _resolve(found.factory, found.plugin)
        return factory if name in self.entries else partial(factory, name)

    def make(self, name: str, /, **options: Any) -> Any:
        """Build the component; UnknownName as in ``find``, PluginError where it cannot be built."""
        return make(f"the {self.kind.name} {name!r}", self.get(name), **options)


class Register:
    """What the hook ``register`` receives: ``to.head(name, factory, summary)``, and so for every kind.

    The plural registers a family: ``to.backbones(name, names, factory, summary)``.
    """

    def __init__(self, registries: Iterable[Registry], plugin: Plugin):
        self._ways: dict[str, Callable[..., None]] = {}
        for registry in registries:
            self._ways[registry.kind.name] = partial(registry.add, plugin)
            self._ways[registry.kind.plural] = partial(registry.add_family, plugin)

    def __getattr__(self, kind: str) -> Callable[..., None]:
        if kind.startswith("_"):  # copying asks for these before there is anything to ask
            raise AttributeError(kind)
        if kind not in self._ways:
            raise AttributeError(f"there is no to.{kind}; {suggest(kind, self._ways)}")
        return self._ways[kind]


def _is_data(factory: object) -> bool:
    return is_dataclass(factory) and not isinstance(factory, type)


def _resolve(factory: Factory, plugin: Plugin) -> Callable[..., Any]:
    found: Any = factory
    if isinstance(factory, str):
        try:
            found = resolve_name(factory)
        except FusekitError:  # a client is not installed, for instance
            raise
        except FAILURES as error:
            raise PluginError(
                f"{plugin} registers {factory!r}, which does not import: {type(error).__name__}: {error}\n"
                f"{plugin.way_out}"
            ) from error
    if callable(found):
        return found  # type: ignore[no-any-return]  # no more is known of it
    if _is_data(found):  # plain data builds itself
        return lambda: found
    raise PluginError(f"{plugin} registers {factory!r}, which is no class or function.\n{plugin.way_out}")


def make(what: str, factory: Callable[..., Any], /, *given: Any, **options: Any) -> Any:
    """Call what a plugin gave to be called; whatever it raises that is no FusekitError is a PluginError."""
    try:
        return factory(*given, **options)
    except FusekitError:
        raise
    except FAILURES as error:
        raise PluginError(f"{what} cannot be made: {type(error).__name__}: {error}") from error


def suggest(name: str, known: Iterable[str] | Mapping[str, Any]) -> str:
    """A clause that names the nearest known names, for error messages."""
    names = list(known)
    near = get_close_matches(name, names, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else f"known: {first_ten(names)}."


@dataclass(frozen=True, slots=True)
class Plugin:
    """Its entry point, and where it came from."""

    name: str
    distribution: str
    version: str
    module: str

    def __str__(self) -> str:
        return f"plugin {self.name!r} ({self.distribution} {self.version}, {self.module})"

    @property
    def bundled(self) -> bool:
        """Whether it came with FuseKit."""
        return self.distribution == "fusekit"

    @property
    def way_out(self) -> str:
        """The sentence that ends every message about a broken plugin."""
        return f"To continue without it: FUSEKIT_DISABLE={self.name}"
