"""``fusekit export``."""

from pathlib import Path
from typing import Annotated

import typer

from fusekit.cli.options import BUNDLE
from fusekit.errors import OptionError
from fusekit.terminal import Terminal, styled


def export(
    bundle: BUNDLE,
    onnx: Annotated[
        Path, typer.Option(help="File to write; what its inputs are lies beside it, as .json.", show_default=False)
    ],
) -> None:
    """Write a bundle's network as ONNX, for programs without torch (`pip install 'fusekit[onnx]'`).

    It is held against ONNX Runtime before it is written.
    """
    import fusekit
    from fusekit.bundle.onnx import TOLERANCE
    from fusekit.bundle.onnx import export as write
    from fusekit.cli.console import warn_synthetic

    if onnx.suffix != ".onnx":
        raise OptionError(f"--onnx {onnx}: give a file that ends in .onnx.")
    shipped, console = fusekit.load(bundle), Terminal()
    try:
        beside = write(shipped, onnx)
    except OSError as error:
        raise OptionError(f"--onnx {onnx} cannot be written: {error.strerror}.") from error
    if shipped.provenance.get("synthetic"):
        warn_synthetic(console)
    parts = ("The network lies in ", (onnx, "bold"), ", what its inputs are in ", (beside, "bold"), ".")
    console.print(styled(*parts), soft_wrap=True)
    console.print(f"ONNX Runtime gives the bundle's probabilities to {TOLERANCE:g}.", style="dim")
