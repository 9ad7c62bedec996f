"""Every hook a plugin may implement. Decorate yours with ``@fusekit.hookimpl``; implement only what you need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pluggy

if TYPE_CHECKING:
    import typer

    from fusekit.extension.registry import Register

# Defined on higher floors, of which this one knows the names alone.
Volume: TypeAlias = Any
Run: TypeAlias = Any
Underway: TypeAlias = Any

hookspec = pluggy.HookspecMarker("fusekit")
hookimpl = pluggy.HookimplMarker("fusekit")


@hookspec
def register(to: Register) -> None:
    """Register components, each by ``to.KIND(name, factory, summary)``.

    A factory is a class, a function, or a reference ``"package.module:name"``, which is imported on first use: with
    references, ``fusekit list`` stays quick. Its keyword-only parameters are the component's options.

    ```python
    import fusekit


    @fusekit.hookimpl
    def register(to):
        to.head("gated-sum", "my_package.head:GatedSum", "a gate decides how much of image and table")
        to.fusion("gated-sum", fusekit.Fusion(head="gated-sum", encoder="mlp"), "a gated sum at the end")
        to.metric("brier", "my_package.metric:Brier", "mean squared error of the probability")
    ```

    A fusion is a recipe of names: plain data, or what returns it. The plural of a kind registers a family, many names
    that share one factory: in ``to.backbones(name, names, factory, summary)``, ``names()`` lists them and
    ``factory(name, ...)`` builds one.
    """


@hookspec
def register_commands(cli: typer.Typer) -> None:
    """Add commands to ``fusekit``.

    ```python
    @fusekit.hookimpl
    def register_commands(cli):
        @cli.command("say-hello")
        def say_hello(name: str = "you") -> None:
            print(f"Hello {name}.")
    ```
    """


@hookspec(firstresult=True)
def read_image(path: Path) -> Volume | None:
    """Read an image file or series folder, or return None for a kind that is not yours.

    Plugins are asked in pluggy's order: the one loaded last (by name) first, unless ``tryfirst`` or ``trylast`` says
    otherwise. FuseKit's own readers come last, and only if no plugin knows the kind of file. A ``DataError`` says that
    the file is of your kind and cannot be read; it is raised if no other plugin reads the file.

    ```python
    @fusekit.hookimpl
    def read_image(path):
        if path.suffix != ".npy":
            return None
        import numpy as np

        return fusekit.Volume(data=np.load(path).astype(np.float32), affine=np.eye(4))
    ```
    """


@hookspec
def run_started(underway: Underway) -> str | None:
    """Follow a run: called before its first epoch, in every process that trains folds of it; returns where to look.

    ```python
    @fusekit.hookimpl
    def run_started(underway):
        print(f"{underway.name} begins")
    ```
    """


@hookspec
def epoch_ended(run: Run, underway: Underway, part: str, epoch: int, scores: dict[str, float]) -> None:
    """Follow a run: called after each epoch (from 1) of a part (``fold-0``) with its row of ``run.folder/history.csv``.

    An epoch in which a process died is trained again, and may be reported again.

    ```python
    @fusekit.hookimpl
    def epoch_ended(part, epoch, scores):
        print(f"{part}, epoch {epoch}: loss {scores['loss']:.3f}")
    ```
    """


@hookspec
def run_ended(underway: Underway, run: Run | None) -> None:
    """Follow a run: called when its folder is complete, or with None when the run failed or was stopped.

    ```python
    @fusekit.hookimpl
    def run_ended(underway, run):
        print(f"{underway.name}: {run.folder if run else 'no result'}")
    ```
    """
