"""What a run was asked to do: the command line, a TOML file or keyword arguments, with the task's preset beneath."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Literal, get_type_hints

from fusekit.data import ONE_IN, Preset, SlicePolicy, Task
from fusekit.data.own_task import OwnTask, is_own, name_of
from fusekit.data.recipe import read_recipe
from fusekit.errors import OptionError, PluginError
from fusekit.extension import catalog, read_options
from fusekit.extension.registry import suggest
from fusekit.surroundings import settled
from fusekit.training import Precision

#: The part before the dot in ``-o part.option=value``, and what its options set.
PARTS = {
    "task": "how the cohort is read",
    "synthetic": "the cohort that is written when no data is given",
    "slices": "which slices are used",
    "training": "the training loop",
    "augment": "how training images are changed at random",
    "track": "the trackers that --track names",
    "baseline": "the classical baseline",
    "sites": "where the injector meets the backbone",
    "backbone": "the image backbone",
    "encoder": "the clinical encoder",
    "injector": "the injector",
    "head": "the fusion head",
}

#: Share of the training subjects set aside where something is fitted on them and nobody says how many.
VALIDATION = 0.2

MODEL_PARTS = ("sites", "backbone", "encoder", "injector", "head")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything a run needs to be run again, with no default left open.

    Args:
        task: name of the task, or the absolute path of a TOML that describes somebody's own data.
        fusion: name of the fusion; empty where a baseline is trained.
        baseline: name of the classical baseline to train instead, on the clinical table alone.
        data: folder of the cohort; None for the task's synthetic one.
        backbone: name of the image backbone.
        epochs, batch_size, lr: of the training; lr is Adam's learning rate.
        image_size: height and width of a slice in pixels.
        seed: of split, initialisation and data order.
        folds: 2 or more cut the subjects into so many folds, each of which is tested once by a model of its own; 1
            holds a fifth of the subjects out and tests it.
        validation: share of the training subjects set aside for what is fitted after training.
        select: ``auc`` keeps the epoch with the best AUC of the subjects set aside; ``none`` the last, as the paper.
        threshold: what makes a call: ``argmax``, or the ``youden`` threshold of the subjects set aside.
        aggregate: how slices become scans and scans subjects.
        search: option -> candidates, tried in every fold on the subjects set aside.
        device: auto, cpu, cuda, cuda:N, mps.
        devices, nodes: that train together: devices on each node, and nodes; of each, ``batch_size`` slices a step.
        precision: 32-true, bf16-mixed, 16-mixed.
        out: run folder.
        recipe: folder of a recipe, whose scans and no others are used; its options lie beneath those given.
        allow: codes of refusals of the audit to go on in spite of.
        track: names of the trackers that follow the training; they change nothing, and no manifest keeps them.
        explain: what is tried with the trained models: ``full`` takes as long as it takes, ``fast`` a quarter of the
            training's work at most, ``none`` leaves ablations and maps out. It changes no model.
        options: part -> option -> value, as given.
    """

    task: str
    fusion: str = ""
    baseline: str = ""
    backbone: str
    epochs: int
    batch_size: int
    lr: float
    image_size: int
    data: Path | None = None
    seed: int = 0
    folds: int = 5
    validation: float = 0.0
    select: Literal["none", "auc"] = "none"
    threshold: Literal["argmax", "youden"] = "argmax"
    aggregate: str = "mean"
    search: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    device: str = "auto"
    devices: int = 1
    nodes: int = 1
    precision: Precision = "32-true"
    out: Path | None = None
    recipe: Path | None = None
    allow: tuple[str, ...] = ()
    track: tuple[str, ...] = ()
    explain: Literal["none", "fast", "full"] = "fast"
    options: Mapping[str, Mapping[str, Any]]

    @property
    def task_name(self) -> str:
        """What to call the task: of a TOML, its file name without ending."""
        return name_of(self.task)

    @property
    def arm(self) -> str:
        """What is trained: the fusion or the baseline."""
        return self.baseline or self.fusion

    @property
    def dealt(self) -> int:
        """Into how many folds the subjects are dealt."""
        return self.folds if self.folds > 1 else ONE_IN

    @property
    def tested(self) -> range:
        """The folds that are tested."""
        return range(self.folds)

    def candidates(self) -> list[tuple[dict[str, str], Config]]:
        """What ``search`` chooses from: the choice, and the configuration it gives; this one alone without a search.

        Raises:
            OptionError: a candidate does not fit.
        """
        found = []
        for values in product(*self.search.values()):
            choice = dict(zip(self.search, values, strict=True))
            pairs = [f"{name}={value}" for name, value in choice.items() if "." in name]
            plain = {name: value for name, value in choice.items() if "." not in name}
            found.append(
                (choice, resolve(merge(self.as_json(), {"search": {}}, plain, {"options": parse_options(pairs)})))
            )
        return found

    def as_json(self) -> dict[str, Any]:
        """For the manifest, which is silent on who looked on; ``resolve(it)`` is the way back."""
        plain = asdict(self)
        plain.pop("track")
        plain["options"].pop("track", None)
        return {k: str(v) if isinstance(v, Path) else v for k, v in plain.items() if v is not None}


def resolve(given: Mapping[str, Any]) -> Config:
    """Check what was given, and fill the rest from the task's preset.

    Args:
        given: names of Config -> values; ``options`` may hold text, as from ``-o``. None means not given.

    Raises:
        UnknownName: no such task, fusion or backbone.
        OptionError: an unknown name, or a value that does not fit.
    """
    given = {name: value for name, value in given.items() if value is not None}
    hints = get_type_hints(Config)
    for name in given:
        if name not in hints:
            raise OptionError(f"the configuration has no entry {name!r}; {suggest(name, [*hints, *PARTS])}")
    for part in given.get("options", {}):
        if part not in PARTS:
            raise OptionError(f"no part is called {part!r}; {suggest(part, PARTS)}")
    if "task" not in given:
        raise OptionError("the configuration names no task.")
    recipe = read_recipe(Path(given["recipe"])) if "recipe" in given else None
    if recipe:
        given["options"] = recipe.beneath(given["task"], given.get("options", {}))
    task = open_task(given["task"], given.get("options", {}))
    if is_own(given["task"]):  # so that a manifest runs again from any folder
        given["task"] = str(Path(given["task"]).absolute())
    if task.folder is not None:
        given.setdefault("data", task.folder.absolute())
    if recipe and not recipe.synthetic and "data" not in given:
        raise OptionError("--recipe is one of real data; say where yours lie: --data DIR")
    preset = preset_of(task, given.get("data"))
    defaults = {f.name: getattr(preset, f.name) for f in fields(Preset) if f.name in hints}
    tested = {"folds": 5 if given.get("data") else 1}  # invented patients are held out once: nobody waits for more
    values = {"options": {}, "search": {}, **tested, **defaults, **given}
    if values.get("fusion") and values.get("baseline"):
        raise OptionError("a run trains one arm: --fusion or --baseline; `fusekit compare` trains several.")
    if not values.get("baseline"):
        values["fusion"] = values.get("fusion") or "rbca"
    options = {part: dict(chosen) for part, chosen in values.pop("options").items()}
    search = {name: tuple(map(str, candidates)) for name, candidates in values.pop("search").items()}
    fitted = values.get("select") == "auc" or values.get("threshold") == "youden" or search
    values.setdefault("validation", VALIDATION if fitted else 0.0)
    plain = read_options("run", Config, values, withhold=("options", "search"))
    plain["devices"], plain["nodes"] = settled(plain.get("devices"), plain.get("nodes"))
    config = Config(**plain, options=options, search=search)
    _check_numbers(config)
    if config.baseline and config.devices * config.nodes > 1:
        raise OptionError(f"the baseline {config.baseline} is fitted by one process; leave --devices and --nodes away.")
    if fitted and not config.validation:
        raise OptionError(
            "--select auc, --threshold youden and --search choose by training subjects set aside, and --validation 0 "
            "sets none aside."
        )
    for name in search:
        if name.partition(".")[0] not in ("lr", "epochs", "batch_size", "training", "augment", *MODEL_PARTS):
            raise OptionError(
                f"--search takes lr, epochs, batch_size and options of training, augmentation and model, not {name}."
            )
        if config.baseline:
            raise OptionError(f"--search does not reach into baselines; {config.baseline} has options of its own.")
    return config


def _check_numbers(config: Config) -> None:
    for name, least in (("epochs", 1), ("batch_size", 2), ("image_size", 16), ("folds", 1), ("seed", 0)):
        if getattr(config, name) < least:
            raise OptionError(f"--{name.replace('_', '-')} takes {least} or more, not {getattr(config, name)}.")
    if not config.lr > 0:
        raise OptionError(f"--lr takes a number above 0, not {config.lr}.")
    if not 0 <= config.validation < 1:
        raise OptionError(f"--validation takes a share of the training subjects below 1, not {config.validation:g}.")


def open_task(name: str, options: Mapping[str, Mapping[str, Any]]) -> Task:
    """Build a task from its name, or from the path of a TOML, and its part of the options.

    Raises:
        UnknownName: no such task, with the nearest.
        OptionError: an option does not exist or does not take its value.
        DataError: the TOML does not fit.
    """
    factory = partial(OwnTask, Path(name)) if is_own(name) else catalog().tasks.get(name)
    task = factory(**read_options("task", factory, options.get("task", {})))
    if not isinstance(task, Task):
        raise PluginError(f"the task {name!r} builds {type(task).__name__}; a fusekit.Task is expected.")
    return task


def preset_of(task: Task, data: Path | str | None) -> Preset:
    """Return the defaults: the paper's with data, those of the synthetic cohort without."""
    return task.paper if data else task.synthetic


def slice_policy(config: Config, task: Task) -> SlicePolicy:
    """The preset's slices, changed by ``-o slices.option=value``."""
    base = preset_of(task, config.data).slices.as_json()
    return SlicePolicy(**{**base, **read_options("slices", SlicePolicy, config.options.get("slices", {}))})


def read_config(path: Path) -> dict[str, Any]:
    """Read a TOML file, or a run's ``manifest.json``, into what ``resolve`` takes.

    Tables of the TOML are parts: ``[injector]`` with ``activation = "none"`` is ``-o injector.activation=none``; but
    for ``[search]``, whose entries are ``--search``.

    Raises:
        OptionError: the file cannot be read, with line and column where the format is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            config: dict[str, Any] = json.loads(text)["config"]
            return {name: value for name, value in config.items() if name != "out"}
        entries = tomllib.loads(text)
    except OSError as error:
        raise OptionError(f"--config {path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError) as error:
        raise OptionError(f"--config {path} is not a configuration: {error}.") from error
    options = {name: value for name, value in entries.items() if isinstance(value, dict) and name != "search"}
    return {**{name: value for name, value in entries.items() if name not in options}, "options": options}


def parse_options(pairs: list[str]) -> dict[str, dict[str, str]]:
    """``["injector.activation=none"]`` -> ``{"injector": {"activation": "none"}}``.

    Raises:
        OptionError: a pair is not ``part.option=value``.
    """
    options: dict[str, dict[str, str]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        part, dot, option = name.partition(".")
        if not (equals and dot and part and option):
            raise OptionError(f"-o takes part.option=value, not {pair!r}; parts: {', '.join(PARTS)}.")
        options.setdefault(part, {})[option.replace("-", "_")] = value
    return options


def parse_search(pairs: list[str]) -> dict[str, tuple[str, ...]]:
    """``["lr=1e-4,3e-4"]`` -> ``{"lr": ("1e-4", "3e-4")}``.

    Raises:
        OptionError: a pair is not ``name=value,value``, or a name stands twice.
    """
    search: dict[str, tuple[str, ...]] = {}
    for pair in pairs:
        name, equals, values = pair.partition("=")
        candidates = tuple(value for value in values.split(",") if value)
        if not (equals and name and candidates):
            raise OptionError(f"--search takes name=value,value (lr=1e-4,3e-4), not {pair!r}.")
        name = name.replace("-", "_")
        if name in search:
            raise OptionError(f"--search names {name} twice.")
        search[name] = candidates
    return search


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Lay configurations over each other, the last on top; options merge option by option."""
    merged: dict[str, Any] = {}
    options: dict[str, dict[str, Any]] = {}
    for layer in layers:
        merged.update({name: value for name, value in layer.items() if value is not None and name != "options"})
        for part, values in layer.get("options", {}).items():
            options.setdefault(part, {}).update(values)
    return {**merged, "options": options}
