"""``fusekit cache``: what is kept to be used again, whether it is whole, and how to be rid of it."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table

from fusekit.errors import DataError, FusekitError, OptionError, UnknownName
from fusekit.extension import suggest
from fusekit.terminal import Terminal, in_line, styled

if TYPE_CHECKING:
    from fusekit.data.store.entries import CacheEntry

cache = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False)


@cache.command("list")
def list_cache() -> None:
    """List slice stores and synthetic cohorts: what each is, its size, when it was last used, whether it is whole."""
    from fusekit.data.store.cache import cache_root
    from fusekit.data.store.entries import cache_entries

    _print(cache_entries(), str(cache_root()))


@cache.command("verify")
def verify_cache(
    name: Annotated[str | None, typer.Argument(help="One of `fusekit cache list`; all without it.")] = None,
) -> None:
    """Compare every byte of slice stores and synthetic cohorts with its checksum.

    Interrupted stores are verified when their building resumes.
    """
    from fusekit.data.store.store import SliceStore
    from fusekit.disk import SEAL, refuse_damaged

    console, damaged = Terminal(soft_wrap=True), []
    for entry in _chosen([name] if name else []):
        shown, sealed = in_line(entry.name), entry.kind == "slices" or (entry.folder / SEAL).exists()
        if not (sealed and entry.complete):
            why = "is interrupted: verified when it resumes" if sealed else "has no checksums"
            console.print(f"{shown}: not verified, it {why}", style="dim")
            continue
        try:
            damage = SliceStore.open(entry.folder).damage() if entry.kind == "slices" else []
            if entry.kind != "slices":
                refuse_damaged(entry.folder, "It is written again by the next run that needs it.")
        except DataError as error:
            damage = [str(error)]
        if damage:
            damaged.append(entry.name)
            more = f" and {len(damage) - 10} more" if len(damage) > 10 else ""
            listed = in_line("; ".join(damage[:10]) + more)
            console.print(styled(f"{shown}: ", ("damaged", "bold red"), f": {listed}"))
        else:
            console.print(f"{shown}: whole ({in_line(entry.what)})")
    if damaged:
        raise DataError(
            f"{len(damaged)} of the entries {'is' if len(damaged) == 1 else 'are'} damaged. Delete with `fusekit "
            f"cache clear {' '.join(damaged)}`; the next run that needs one builds it again. Is the disk sound?"
        )


@cache.command("clear")
def clear_cache(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Those of `fusekit cache list`; all without it.", show_default=False),
    ] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="`slices` or `synthetic` only.")] = None,
    older_than: Annotated[
        float | None, typer.Option("--older-than", metavar="DAYS", help="Only what was not used for so many days.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete slice stores and synthetic cohorts, finished or interrupted. What a running process uses stays."""
    from fusekit.data.store.entries import KINDS, remove

    if kind not in (None, *KINDS):
        raise OptionError(f"--kind takes one of {', '.join(KINDS)}, not {kind}.")
    entries = [
        entry
        for entry in _chosen(names or [])
        if kind in (None, entry.kind) and (older_than is None or time.time() - entry.used >= older_than * 86_400)
    ]
    if not entries:
        typer.echo("Nothing to delete.")
        return
    _print(entries, "To be deleted")
    if not yes:
        typer.confirm(f"Delete {len(entries)} entries, {_bytes(sum(entry.size for entry in entries))}?", abort=True)
    freed = deleted = 0
    for entry in entries:
        try:
            freed += remove(entry)
            deleted += 1
        except FusekitError as error:
            typer.echo(in_line(error))
    typer.echo(f"Deleted {deleted} of {len(entries)}; {_bytes(freed)} are free again.")


def _chosen(names: list[str]) -> list[CacheEntry]:
    from fusekit.data.store.entries import cache_entries

    entries = cache_entries()
    known = [entry.name for entry in entries]
    for name in names:
        if name not in known:
            raise UnknownName(f"the cache holds nothing called {name!r}; {suggest(name, known)}")
    return [entry for entry in entries if not names or entry.name in names]


def _print(entries: list[CacheEntry], title: str) -> None:
    # In 80 columns there is room for name and description only one below the other.
    names = Column("name, and what it is", overflow="fold")
    numbers = (Column(name, justify="right", no_wrap=True) for name in ("size", "items", "last used"))
    columns = (Column("kind", no_wrap=True), names, *numbers, Column("state", no_wrap=True))
    style: Any = {"title_justify": "left", "title_style": "bold", "box": None, "pad_edge": False}
    table = Table(*columns, title=title, padding=(0, 2, 0, 0), **style)
    for entry in entries:
        used = datetime.fromtimestamp(entry.used).strftime("%Y-%m-%d")
        state = "complete" if entry.complete else styled(("interrupted", "yellow"))
        name = styled((in_line(entry.name), "bold"), f"\n{entry.what}")
        table.add_row(entry.kind, name, _bytes(entry.size), f"{entry.items:,}", used, state)
    console = Terminal()
    console.print(table)
    console.print(f"{len(entries)} entries, {_bytes(sum(entry.size for entry in entries))}")


def _bytes(size: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB"
