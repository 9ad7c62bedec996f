"""What an external validation was asked for: which frozen model, and where the other cohort comes from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fusekit.bundle.bundle import Bundle
from fusekit.bundle.formats import BASELINE, DESCRIPTION, WEIGHTS, bundle_folder
from fusekit.bundle.load import load
from fusekit.data import Task
from fusekit.data.own.task import name_of
from fusekit.disk import read_json, read_written
from fusekit.errors import OptionError
from fusekit.evaluation.calibration.recalibration import METHODS
from fusekit.experiment.external.cohort import refuse_other_target
from fusekit.experiment.setup.parts import open_task
from fusekit.experiment.setup.settings import Settings
from fusekit.extension import suggest
from fusekit.report.records import Configured


@dataclass(frozen=True)
class Asked:
    """The frozen model, and where the other cohort comes from."""

    bundle: Bundle
    folder: Path  # of the bundle
    config: Settings
    task: Task
    recalibrate: str

    @property
    def trained(self) -> Mapping[str, Any]:
        """The configuration of the training; empty if the bundle has none."""
        return dict(self.bundle.provenance.get("config", {}))

    @property
    def arm(self) -> str:
        """What was trained: a fusion or a baseline."""
        return str(self.trained.get("baseline") or self.trained.get("fusion", "model"))

    @property
    def synthetic(self) -> bool:
        """Whether the cohort or the model's own is an invented one."""
        return self.config.data is None or bool(self.bundle.provenance.get("synthetic"))

    @cached_property
    def weights(self) -> str:
        """SHA-256 of the model's weights; of an average, of the description, which has the checksums of all of it."""
        names = (WEIGHTS, BASELINE, DESCRIPTION)
        with next(path for name in names if (path := self.folder / name).is_file()).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def known_subjects(self) -> Iterable[str]:
        """Subjects of the run that the bundle lies in, if its cohort.csv is still there."""
        path = self.folder.parent / "cohort.csv"
        if self.folder.name != "bundle" or not path.is_file():
            return ()
        return set(read_written(path, {})["subject"])


def ask(
    bundle: str | Path,
    task: str | None,
    data: str | Path | None,
    options: Mapping[str, Mapping[str, Any]],
    allow: tuple[str, ...],
    recalibrate: str,
    device: str | None,
) -> Asked:
    """Open the bundle and the task, before any data are read; OptionError for what would change the model."""
    if recalibrate not in ("none", *METHODS):
        raise OptionError(f"--recalibrate takes none, {' or '.join(METHODS)}, not {recalibrate!r}.")
    folder = bundle_folder(bundle)
    shipped = load(folder)
    if recalibrate != "none" and not shipped.classes:
        words = shipped.target.words
        raise OptionError(f"--recalibrate {recalibrate} maps probabilities, and this model predicts {words}.")
    if recalibrate == "logistic" and len(shipped.classes) != 2:
        raise OptionError(
            f"--recalibrate logistic is for two classes, and this model knows {len(shipped.classes)}; take temperature."
        )
    config = _configure(shipped, folder, task, options, data=data, allow=allow or None, device=device)
    asked = Asked(shipped, folder, config, open_task(config.task, config.options), recalibrate)
    refuse_other_target(shipped, asked.task.target, config.task_name)
    return asked


def _configure(
    bundle: Bundle, folder: Path, task: str | None, options: Mapping[str, Mapping[str, Any]], **given: Any
) -> Settings:
    for part in options:
        if part not in ("task", "synthetic", "absence"):
            raise OptionError(
                f"-o {part}... cannot be set: the model is frozen. {suggest(part, ('task', 'synthetic', 'absence'))}"
            )
    trained: dict[str, Any] = dict(bundle.provenance.get("config", {}))
    manifest = folder.parent / "manifest.json"
    if folder.name == "bundle" and manifest.is_file():  # the run knows where files lie, which is not shipped
        config = read_json(manifest, Configured)["config"]
        trained |= {name: config[name] for name in ("task", "options") if name in config}
    before = str(trained.get("task", bundle.task.get("name", "")))
    task = task or before
    if not task:
        raise OptionError("the bundle does not name its task; name one: --task TASK")
    layers: dict[str, dict[str, Any]] = {"task": {}, "synthetic": {}}
    if name_of(task) == name_of(before):
        asked = trained.get("options", {})
        layers = {part: dict(asked.get(part, {})) for part in layers}
        layers["task"].pop("layout", None)  # of the training's folder
    together = {part: {**layers[part], **options.get(part, {})} for part in layers}
    together["absence"] = dict(options.get("absence", {}))  # what was hidden in training is of that cohort
    return Settings.of({**given, "task": task, "options": together})
