"""The bundled commands: what each is called, where the help lists it, and examples of how it is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from typer.core import TyperCommand

from fusekit.cli.bundle.evaluate import evaluate
from fusekit.cli.bundle.explain import explain
from fusekit.cli.bundle.export import export
from fusekit.cli.bundle.predict import predict
from fusekit.cli.check import check
from fusekit.cli.cohort import cohort
from fusekit.cli.compare import compare
from fusekit.cli.describe import describe
from fusekit.cli.listing import list_components, list_plugins
from fusekit.cli.look import look
from fusekit.cli.new_plugin import new_plugin
from fusekit.cli.new_task import new_task
from fusekit.cli.options import PresetsShown
from fusekit.cli.report import report
from fusekit.cli.run import run

#: Where the help of ``fusekit`` lists commands, in this order; those of plugins come last.
TRAIN, SHIPPED, DATA, INSTALLED, FURTHER = (
    "Train and compare",
    "Use a trained model",
    "Your data",
    "What is installed",
    "Of plugins",
)


class Command(NamedTuple):
    """A bundled command."""

    name: str
    function: Callable[..., None]
    group: str
    examples: tuple[str, ...]  # without ``fusekit NAME``
    cls: type[TyperCommand] | None = None

    @property
    def epilog(self) -> str:
        """The examples, as the help shows them."""
        lines = "\n".join(f"fusekit {self.name} {example}".rstrip() for example in self.examples)
        return f"Examples:\n\n```console\n{lines}\n```"


COMMANDS = (
    Command(
        "run",
        run,
        TRAIN,
        (
            "adni-ad --fusion table-first",
            "study.toml --fusion rbca --folds 5 --out runs/rbca",
            "adni-ad --data ADNI --preset tuned -o training.members=3",
            "--out runs/rbca --resume",
        ),
        PresetsShown,
    ),
    Command(
        "compare",
        compare,
        TRAIN,
        (
            "adni-ad --fusion table-first,image-only,concat --baseline gbdt",
            "study.toml --fusion rbca,rbca-light --seeds 3 --jobs 2",
            "adni-ad --fusion rbca,film -o film:training.ema=0.999",
            "study.toml --fusion concat,rbca --learning-curve",
        ),
        PresetsShown,
    ),
    Command("look", look, TRAIN, ("adni-ad", "study.toml --subject P017 --slices 9 --out P017.png"), PresetsShown),
    Command("check", check, TRAIN, ("study.toml", "adni-ad --data ADNI"), PresetsShown),
    Command("report", report, TRAIN, ("runs/rbca", "runs/rbca runs/concat --out report")),
    Command(
        "predict",
        predict,
        SHIPPED,
        (
            "runs/rbca --image scan.nii.gz --clinical patient.csv",
            "runs/rbca --clinical patients.csv --format csv --out predicted.csv",
        ),
    ),
    Command(
        "explain",
        explain,
        SHIPPED,
        ("runs/rbca --image scan.nii.gz --clinical patient.csv --what-if TAU=80",),
    ),
    Command("evaluate", evaluate, SHIPPED, ("runs/rbca --data OTHER --out external",)),
    Command("export", export, SHIPPED, ("runs/rbca --onnx rbca.onnx",)),
    Command("new-task", new_task, DATA, ("study", "study --table study/patients.xlsx --sheet baseline")),
    Command("cohort", cohort, DATA, ("adni-ad --data ADNI --out recipe", "adni-ad --data ADNI --recipe recipe")),
    Command("list", list_components, INSTALLED, ("fusions", "backbones --names")),
    Command("plugins", list_plugins, INSTALLED, ("",)),
    Command(
        "describe",
        describe,
        INSTALLED,
        ("rbca --backbone resnet50 --size 256", "film -o encoder.width=64 --svg film.svg", "table-first --json"),
    ),
    Command("new-plugin", new_plugin, INSTALLED, ("gated-sum", "film --kind injector --out ~/plugins/film")),
)
