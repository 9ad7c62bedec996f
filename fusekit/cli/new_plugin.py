"""``fusekit new-plugin``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from fusekit.terminal import Terminal, styled


def new_plugin(
    name: Annotated[
        str, typer.Argument(help="What people will type, e.g. `gated-sum`; the package is `fusekit_gated_sum`.")
    ],
    kind: Annotated[
        str,
        typer.Option(
            metavar="head|injector|fusion|backbone|encoder|task|metric|baseline", help="What it is to register."
        ),
    ] = "head",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write, new or empty.", show_default="fusekit-NAME, where you are"),
    ] = None,
) -> None:
    """Write a plugin to begin with: a distribution that installs, passes its own tests, and runs.

    It holds one small part that works, its registration, and tests that check what FuseKit relies on. Replace the part.
    """
    from fusekit.extension.skeleton.write import write_plugin

    made, console = write_plugin(name, kind, out), Terminal()
    console.print(styled("Written to ", (made.folder, "bold"), ":"), soft_wrap=True)
    for file in made.files:
        console.print(f"  {file}", soft_wrap=True)
    place = shlex.quote(str(made.folder))
    steps = (f"pip install -e {place}", f"pytest {place}", made.run)
    console.print(styled("\nNext:\n", *((f"  {step}\n", "bold") for step in steps)), soft_wrap=True, end="")
