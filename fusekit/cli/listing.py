"""``fusekit list`` and ``fusekit plugins``: what is installed. Neither imports torch."""

from typing import Annotated, Any

import typer
from rich.table import Table

from fusekit.errors import UnknownName
from fusekit.extension import catalog, suggest
from fusekit.extension.fusion import ADDED
from fusekit.terminal import Terminal, styled


def list_components(
    kind: Annotated[
        str | None, typer.Argument(help="One kind only, e.g. `fusions` or `backbones`.", show_default=False)
    ] = None,
    names: Annotated[bool, typer.Option("--names", help="Every name of every family too (imports timm).")] = False,
) -> None:
    """List tasks, fusions, baselines, backbones, encoders, injectors, heads, objectives, metrics and trackers."""
    registries = catalog().registries
    if kind is not None and kind not in registries:
        raise UnknownName(f"nothing is called {kind!r} here; {suggest(kind, registries)}")
    console = Terminal()
    for title, registry in registries.items():
        if kind not in (None, title):
            continue
        style: Any = {"title_justify": "left", "title_style": "bold", "box": None, "padding": (0, 2)}
        table = Table(title=title, show_header=False, **style)
        for name in registry.names():
            entry = registry.entries[name]
            table.add_row(name, entry.summary, styled((entry.plugin.name, "dim")))
        for family in registry.families.values():
            table.add_row(styled((family.name, "italic")), family.summary, styled((family.plugin.name, "dim")))
        console.print(table)
        if title == "fusions":
            console.print(f"  {ADDED}")
        if names:
            for family in registry.families.values():
                console.print(", ".join(registry.members(family)))
        console.print()


def list_plugins() -> None:
    """List the plugins, where they come from and which hooks they implement."""
    host = catalog().host
    table = Table("plugin", "distribution", "module", "hooks", box=None, padding=(0, 2))
    for plugin in host.plugins.values():
        table.add_row(
            plugin.name, f"{plugin.distribution} {plugin.version}", plugin.module, ", ".join(host.hooks_of(plugin))
        )
    Terminal().print(table)
