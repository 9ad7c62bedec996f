"""pytest fixtures for plugin authors; pytest finds them where FuseKit is installed. Nothing is imported until used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fusekit.report.run import Run
    from fusekit.testing.backbone import TinyBackbone

#: Of a run that takes seconds; what a test gives wins.
SMALL = {
    "backbone": "test_resnet",
    "epochs": 1,
    "image_size": 32,
    "batch_size": 8,
    "folds": 1,
    "explain": "none",
    "ship": "none",
}


@pytest.fixture(scope="session")
def tiny_cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The TOML of 20 people with a picture and a table each, on disk for the whole session: ``write_cohort``."""
    from fusekit.testing.cohort import write_cohort

    return write_cohort(tmp_path_factory.mktemp("tiny-cohort"))


@pytest.fixture
def tiny_backbone() -> TinyBackbone:
    """Two convolutions with a site before each, for images of one channel."""
    from fusekit.testing.backbone import TinyBackbone

    return TinyBackbone()


@pytest.fixture
def tiny_run(tiny_cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Call with settings of ``fusekit.run``, such as ``fusion="mine"``: trained and tested within seconds, no report.

    The cohort is ``tiny_cohort`` unless ``task`` names another. Nothing is written outside of pytest's own folders.
    """
    import fusekit
    from fusekit.progress import Quiet
    from fusekit.testing.undrawn import undrawn

    monkeypatch.setenv("FUSEKIT_CACHE", str(tiny_cohort.parent / "cache"))
    for module, name, substitute in undrawn():
        monkeypatch.setattr(module, name, substitute)

    def run(**settings: Any) -> Run:
        own = {"task": str(tiny_cohort), "out": tmp_path / "run", **SMALL, **settings}
        return fusekit.run(progress=Quiet(), **own)

    return run
