"""The settings of a run, each declared once: the command line, ``fusekit.run`` and ``--config`` are built from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

from fusekit.errors import OptionError
from fusekit.experiment.setup import parts, presets
from fusekit.experiment.setup.about import About, about
from fusekit.experiment.setup.given import entries, merge, relocated
from fusekit.experiment.setup.space import TRIALS, Space, candidates, trials_of
from fusekit.extension import suggest
from fusekit.extension.fusion import ADDED
from fusekit.extension.options import convert
from fusekit.launch_environment import settled

if TYPE_CHECKING:
    from fusekit.data import SlicePolicy, Task

LAUNCHED = "1, or as torchrun or srun started"
#: Share of the training subjects set aside where something is fitted on them and no other is given.
VALIDATION = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a run needs to be run again; every spelling of the same settings is equal.

    Values have their types, paths are absolute, and ``options`` holds only what is not the default.
    """

    task: str = about("data", "Task to run, e.g. `adni-ad`, or the TOML of your own data.")
    data: Path | None = about("data", "Folder of the cohort.", None, words="a SYNTHETIC cohort", free=True)
    recipe: Path | None = about(
        "data", "Recipe (`fusekit cohort`): train on exactly its scans, or refuse.", None, free=True
    )
    allow: tuple[str, ...] = about(
        "data", "Continue in spite of this refusal of the audit; may be repeated.", (), metavar="FINDING", free=True
    )
    seed: int = about("data", "Of split, initialisation and data order.", 0, least=0, free=True)
    image_size: int = about("data", "Height and width of a slice in pixels.", least=16, preset=True)
    fusion: str = about(
        "model",
        f"How image and table meet: concat, rbca, or a plugin's. {ADDED}",
        "",
        words=parts.FUSION,
    )
    baseline: str = about(
        "model", "Instead: a classical model, e.g. logistic, or gbdt-components of table and image.", "", words="none"
    )
    backbone: str = about("model", "Image backbone: any timm network that fits.", preset=True)
    options: Mapping[str, Mapping[str, Any]] = about(
        "model", "Set an option of a part; may be repeated.", {}, metavar="PART.OPTION=VALUE"
    )
    preset: presets.Name = about(
        "training",
        "Training as published, or as it learns.",
        words="paper for real data of published tasks, else tuned",
    )
    epochs: int | None = about("training", "Passes over the training slices.", least=1, preset=True)
    batch_size: int = about("training", "Slices per training step and device.", least=2, preset=True)
    lr: float = about("training", "Learning rate of Adam.", above=0, preset=True)
    objective: str | None = about("training", "The loss, by name.", None, words=parts.OBJECTIVES_OF, metavar="NAME")
    search: Space = about(
        "training",
        "List (`lr=1e-4,3e-4`) or range (`lr=1e-5..1e-3:log`), from which every fold chooses on the subjects set "
        "aside; may be repeated.",
        {},
        metavar="OPTION=VALUE,...",
    )
    trials: int | None = about(
        "training", "Trials of a search with a range.", None, words=f"{TRIALS} with a range", metavar="N", least=1
    )
    device: str = about("training", "auto, cpu, cuda, cuda:N or mps.", "auto", free=True)
    devices: int = about("training", "Devices of this machine that train together.", 1, words=LAUNCHED)
    nodes: int = about("training", "Machines that train together.", 1, words=LAUNCHED)
    precision: Literal["32-true", "bf16-mixed", "16-mixed", "auto"] = about(
        "training", "Of its arithmetic; auto: bf16-mixed where the device is made for it.", "32-true"
    )
    folds: int = about(
        "evaluation",
        "Test each of so many folds of subjects once; 1 holds a fifth of the subjects out.",
        5,
        words="5, and 1 for a run on a SYNTHETIC cohort",
        least=1,
    )
    validation: float = about(
        "evaluation",
        "Share of the training subjects set aside to choose or fit something on.",
        0.0,
        words=f"0, and {VALIDATION} where something is chosen or fitted",
        least=0,
        below=1,
    )
    select: Literal["none", "auc", "r2", "harrell-c"] = about(
        "evaluation",
        "Epoch that is kept: the last, or the best by the AUC of the subjects set aside (of a number R2, of times "
        "Harrell's c).",
        "none",
    )
    threshold: Literal["argmax", "youden"] = about(
        "evaluation", "What is called: the likeliest class, or by a threshold fitted on subjects set aside.", "argmax"
    )
    aggregate: Literal["mean", "median", "max", "vote", "logit"] = about(
        "evaluation", "From slices to scans to subjects.", "mean"
    )
    learning_curve: bool = about(
        "evaluation",
        "Train with 25, 50 and 75 % of each fold's training subjects, too, and draw what more of them give.",
        False,
        words="no",
        free=True,
    )
    conformal: float | None = about(
        "evaluation",
        "Sets of classes, or intervals of a number, that hold the truth of this share of subjects, 0.5 to 0.99.",
        None,
        words="none",
        metavar="LEVEL",
        least=0.5,
        most=0.99,
        free=True,
    )
    explain: Literal["none", "fast", "full"] = about(
        "output",
        "What is tried with the trained models: nothing, a quarter of the training's work at most, or everything.",
        "fast",
        free=True,
    )
    ship: Literal["all", "folds", "none"] = about(
        "output", "Of several folds: one model of all subjects, the average of the folds', or none.", "all", free=True
    )
    track: tuple[str, ...] = about(
        "output",
        "Follow the training in tensorboard or mlflow (`pip install 'fusekit[tracking]'`).",
        (),
        words="history.csv alone, which is always written",
        metavar="A,B,...",
        free=True,
    )
    out: Path | None = about("output", "Run folder, new or empty.", None, words="runs/TASK-FUSION-DATE-TIME", free=True)

    @classmethod
    def of(cls, given: Mapping[str, Any], task: Task | None = None) -> Settings:
        """Check what was given, give every value its type, and fill the rest from the task's preset.

        None means not given. Names are checked first, without torch: UnknownName with the nearest; OptionError for an
        unknown setting or option, or a value that does not fit. A ``task`` that is built already is not opened by name.
        """
        values = plain_values(given)
        check_names(values)
        options, search = values.pop("options", {}), values.pop("search", {})
        values["fusion"] = values.get("fusion") or ("" if values.get("baseline") else parts.FUSION)
        values["devices"], values["nodes"] = settled(values.get("devices"), values.get("nodes"))
        task = task or parts.open_under_recipe(values, options)
        values["preset"] = presets.preset_name(task, values)
        _fit_to_target(values, task)
        fitted = bool(values.get("select", "none") != "none" or values.get("threshold") == "youden" or search)
        values = {
            **presets.settings_of(task, values["preset"], values.get("data")),
            "folds": 5 if values.get("data") else 1,  # invented patients are held out once, as a quick look
            "validation": VALIDATION if fitted else 0.0,
            **values,
        }
        chosen = {part: parts.typed(part, own, values, task) for part, own in options.items()}
        for part, own in chosen.items():
            preset = presets.options_of(task, {**values, "options": chosen}, part)
            chosen[part] = parts.without_defaults(part, own, values, task, preset)
        space = {name: candidates(name, own, partial(_one, name, values, task)) for name, own in search.items()}
        values["trials"] = trials_of(space, values.get("trials"))
        settings = cls(**values, options={part: own for part, own in chosen.items() if own}, search=space)
        if settings.baseline and settings.devices * settings.nodes > 1:
            raise OptionError(
                f"the baseline {settings.baseline} is fitted by one process; leave --devices and --nodes out."
            )
        if settings.baseline and search:
            raise OptionError(f"--search does not apply to baselines; {settings.baseline} has options of its own.")
        if settings.ship == "folds" and settings.folds < 2:
            raise OptionError("--ship folds averages the models of several folds; add --folds 5, or leave it out.")
        if settings.conformal and settings.folds < 2:
            raise OptionError(
                "--conformal tests the subjects of each fold with what the other folds say; add --folds 5, or leave "
                "it out."
            )
        if fitted and not settings.validation:
            raise OptionError(
                "--select, --threshold youden and --search choose by training subjects set aside, and "
                "--validation 0 sets none aside."
            )
        if settings.precision == "auto":  # what a run was, and not what it would be elsewhere
            from fusekit.training.machines.precision import resolved

            settings = replace(settings, precision=resolved("auto", settings.device))
        return settings

    @property
    def task_name(self) -> str:
        """What to call the task: of a TOML, its file name without ending."""
        from fusekit.data.own.task import name_of

        return name_of(self.task)

    @property
    def arm(self) -> str:
        """What is trained: the fusion or the baseline."""
        return self.baseline or self.fusion

    @property
    def dealt(self) -> int:
        """Into how many folds the subjects are dealt."""
        from fusekit.data import ONE_IN

        return self.folds if self.folds > 1 else ONE_IN

    @property
    def tested(self) -> range:
        """The folds that are tested."""
        return range(self.folds)

    def slice_policy(self, task: Task) -> SlicePolicy:
        """The preset's slices, changed by ``-o slices.option=value``."""
        return replace(presets.own_of(task, self.data).slices, **self.options.get("slices", {}))

    def of_part(self, task: Task, part: str) -> dict[str, Any]:
        """Every option of a part that is not its factory's default: the preset's, and those given."""
        values = {name: getattr(self, name) for name in FIELDS}
        return {**presets.options_of(task, values, part), **self.options.get(part, {})}

    def as_json(self) -> dict[str, Any]:
        """For the manifest, which is silent on trackers; ``Settings.of(it)`` is the way back."""
        values = {name: getattr(self, name) for name in FIELDS if name != "track"}
        values["options"] = {part: chosen for part, chosen in self.options.items() if part != "track"}
        plain: dict[str, Any] = json.loads(json.dumps(values, default=str))
        return {name: value for name, value in plain.items() if value is not None and value is not False}

    def identity(self, *without: str) -> dict[str, Any]:
        """What makes it the same run, however its settings were spelled and wherever its folder is moved."""
        return identity_of(self.as_json(), *without)


_TYPES = get_type_hints(Settings)
#: Name of each setting -> its type, and what else is known of it.
FIELDS: dict[str, tuple[Any, About]] = {one.name: (_TYPES[one.name], one.metadata["about"]) for one in fields(Settings)}
#: In these, runs of one arm of a report may differ.
FREE = tuple(name for name, (_, about) in FIELDS.items() if about.free)


def identity_of(config: Mapping[str, Any], *without: str) -> dict[str, Any]:
    """``Settings.identity`` of what ``as_json`` returned."""
    return {name: value for name, value in config.items() if name not in ("out", *without)}


def plain_values(given: Mapping[str, Any]) -> dict[str, Any]:
    """Give every setting its type, and check its range; parts and their options come later."""
    values = {name: _typed(name, value) for name, value in given.items() if value is not None}
    if not values.get("task"):
        raise OptionError("the configuration names no task; `fusekit list tasks` shows them.")
    return values


def check_names(given: Mapping[str, Any]) -> None:
    """Look up every name in what was given, importing nothing heavy; OptionError or UnknownName with the nearest."""
    values = plain_values(given)
    if values.get("fusion") and values.get("baseline"):
        raise OptionError("a run trains one arm: --fusion or --baseline; `fusekit compare` trains several.")
    searched = parts.of_search(values.get("search", {}))
    parts.check_names(values, merge(values, {"options": searched})["options"])


def _typed(name: str, value: Any) -> Any:
    if name not in FIELDS:
        raise OptionError(f"the configuration has no entry {name!r}; {suggest(name, [*FIELDS, *parts.PARTS])}")
    kind, about = FIELDS[name]
    if name == "options":
        return relocated({part: dict(entries(own, part)) for part, own in entries(value, name).items()})
    if name == "search":
        return dict(entries(value, name))
    found = convert(name, kind, value)
    if isinstance(found, int | float):
        about.check(name, found)
    if name == "task":
        return str(Path(found).absolute()) if parts.is_own(found) else found
    if name == "allow":
        return tuple(sorted(set(found)))
    return found.absolute() if isinstance(found, Path) else found


def _fit_to_target(values: dict[str, Any], task: Task) -> None:
    """Leave out the default objective, however it was spelled, and refuse what is for other targets."""
    target, select = task.target, values.get("select", "none")
    if values.get("objective") == target.objective:
        del values["objective"]
    if select not in ("none", target.select):
        raise OptionError(
            f"--select {select} does not choose among predictions of {target.kind}: {target.select} does."
        )
    if values.get("conformal"):
        from fusekit.evaluation.calibration.conformal import REGIONS

        if target.kind not in REGIONS:
            raise OptionError(
                f"--conformal gives sets of classes and intervals of numbers, and this task predicts {target.words}."
            )


def _one(name: str, values: Mapping[str, Any], task: Task, given: Any) -> Any:
    """One candidate of a setting or of an option, typed."""
    part, dot, option = name.partition(".")
    return parts.typed(part, {option: given}, values, task)[option] if dot else _typed(name, given)
