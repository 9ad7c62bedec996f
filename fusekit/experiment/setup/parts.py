"""The parts of a run that have options of their own: which there are, what each takes, and what it takes by default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fusekit.errors import OptionError, PluginError
from fusekit.extension import COMPONENTS, GIVEN_OPTIONS, MODEL_PARTS, catalog, read_options
from fusekit.extension.fusion import registered
from fusekit.extension.options import option_defaults
from fusekit.extension.registry import Registry, make, suggest
from fusekit.extension.signatures import option_names

if TYPE_CHECKING:
    from fusekit.data import Task

#: What is trained where neither a fusion nor a baseline is named.
FUSION = "rbca"
#: What a training makes small where nothing else is named: ``Target.objective`` of each kind.
OBJECTIVES = ("cross-entropy", "squared-error", "hazards", "corn")
OBJECTIVES_OF = "{}; of a number {}; of the time to an event {}; of ordered classes {}".format(*OBJECTIVES)
#: The part before the dot in ``-o part.option=value`` -> where its options are declared; empty where names decide.
PARTS = {
    "task": "",
    "synthetic": "",
    "absence": "fusekit.data.hide:AbsenceOptions",
    "slices": "fusekit.data.slices.policy:SlicePolicy",
    "training": "fusekit.training.options:TrainingOptions",
    "objective": "",
    "augment": "fusekit.training.feed.augment:AugmentOptions",
    "track": "",
    "baseline": "",
    "sites": "fusekit.models.build:SiteOptions",
    "columns": "fusekit.baselines.choice:ColumnOptions",
    "prior": "",
    "stack": "fusekit.baselines.stack:StackOptions",
    **dict.fromkeys(COMPONENTS, ""),
}


def is_own(task: str) -> bool:
    """Whether a task's name is the path of a TOML that describes people's own data."""
    return task not in catalog().tasks.names() and task.lower().endswith(".toml")


def check_names(values: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]]) -> None:
    """Look up every name and option without importing torch or a part; UnknownName or OptionError with the nearest."""
    known = catalog()
    if values.get("fusion"):
        registered(values["fusion"])
    looked_up = {"baseline": known.baselines, "backbone": known.backbones, "objective": known.objectives}
    for name, registry in looked_up.items():
        if values.get(name):
            registry.find(values[name])
    for tracker in values.get("track", ()):
        known.trackers.find(tracker)
    if not is_own(values["task"]):
        if values["task"] not in known.tasks.names() and Path(values["task"]).exists():
            own = Path(values["task"])
            folder = own if own.is_dir() else own.parent
            raise OptionError(
                f"{values['task']} is a {'folder' if own.is_dir() else 'file'}, and no task or TOML: `fusekit new-task "
                f"{folder}` writes a TOML that says what its images and columns are."
            )
        known.tasks.find(values["task"])
    for part in options:
        if part not in PARTS:
            arm = " Options of one arm, ARM:part.option, are for `fusekit compare`." if ":" in part else ""
            raise OptionError(f"no part is called {part!r}; {suggest(part, PARTS)}{arm}")
    named = _named(values, options)
    if not values.get("objective"):  # which it is depends on the task, which is not open yet
        takes_any = [option_names(known.objectives.find(name).factory) for name in OBJECTIVES]
        _refuse_unknown("objective", options.get("objective", {}), set().union(*filter(None, takes_any)))
        options = {part: own for part, own in options.items() if part != "objective"}
    for part, chosen in options.items():  # where a part's source does not show its options, ``typed`` will
        _refuse_unknown(part, chosen, options_of(part, named.get(part)))


def _refuse_unknown(part: str, chosen: Mapping[str, Any], takes: AbstractSet[str] | None) -> None:
    """OptionError for an option that a part does not take; None: not known."""
    for name in chosen:
        if takes is not None and name not in takes:
            hint = suggest(name, sorted(takes)) if takes else "it has no options."
            raise OptionError(f"{part} has no option {name!r}; {hint}")


def options_of(part: str, named: Named | None) -> AbstractSet[str] | None:
    """Names of a part's options, without importing it; None where its source does not show them."""
    source = PARTS[part] or (named.registry.find(named.name).factory if named else "")
    return option_names(source, GIVEN_OPTIONS.get(part, ())) if source else None


class Named(NamedTuple):
    """What a part is called, and the registry that knows it."""

    registry: Registry
    name: str


def parts_of(values: Mapping[str, Any]) -> dict[str, Named | None]:
    """The parts that a fusion or baseline is made of; None for what has no name, or none yet."""
    known = catalog()
    if values.get("baseline"):
        return {"baseline": Named(known.baselines, values["baseline"])}
    named = registered(values.get("fusion") or FUSION).parts(values.get("backbone") or "")
    kinds = {"prior": "baselines"}
    return {
        part: Named(known.registries[kinds.get(part, f"{part}s")], name) if name else None
        for part, name in named.items()
    }


def _named(values: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]]) -> dict[str, Named]:
    """Those parts with options that have a name, task and objective too; OptionError for a part that is not there."""
    named = {} if is_own(values["task"]) else {"task": Named(catalog().tasks, values["task"])}
    named["objective"] = Named(catalog().objectives, values.get("objective") or OBJECTIVES[0])
    asked = [part for part in (*MODEL_PARTS, "baseline") if options.get(part)]
    has = parts_of(values) if asked else {}
    for part in asked:
        if part not in has:
            kind = "baseline" if values.get("baseline") else "fusion"
            raise OptionError(
                f"the {kind} {values.get(kind) or FUSION!r} has no {part}, so it takes no options for it; it has: "
                f"{', '.join(has)}."
            )
    return named | {part: own for part, own in has.items() if own and part in asked}


def of_search(search: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """``{"training.ema": value}`` -> ``{"training": {"ema": value}}``; OptionError for what cannot be searched."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in search.items():
        part, dot, option = name.partition(".")
        if dot and part in ("training", "objective", "augment", *MODEL_PARTS):
            found.setdefault(part, {})[option] = value
        elif name not in ("lr", "epochs", "batch_size"):
            raise OptionError(
                "--search takes lr, epochs, batch_size and options of training, objective, augmentation and model, not "
                f"{name}."
            )
    return found


def typed(part: str, chosen: Mapping[str, Any], values: Mapping[str, Any], task: Task) -> dict[str, Any]:
    """Give the options of a part their types, or raise OptionError; paths become absolute."""
    if part == "track":  # each of several trackers knows its own
        return dict(chosen)
    found = read_options(part, _factory(part, values, task), chosen, GIVEN_OPTIONS.get(part, ()))
    return {name: value.absolute() if isinstance(value, Path) else value for name, value in found.items()}


def without_defaults(
    part: str, chosen: Mapping[str, Any], values: Mapping[str, Any], task: Task, preset: Mapping[str, Any]
) -> dict[str, Any]:
    """Leave out what is the default anyway, with what the preset says; of a cohort with a recipe, nothing.

    A recipe's options may differ from the defaults.
    """
    if part == "track" or ("recipe" in values and part in ("task", "synthetic")):
        return dict(chosen)
    defaults = {**_defaults(part, values, task), **preset}
    return {name: value for name, value in chosen.items() if name not in defaults or value != defaults[name]}


def _factory(part: str, values: Mapping[str, Any], task: Task) -> Callable[..., Any]:
    """What takes the options of a part."""
    if PARTS[part]:
        module, _, attribute = PARTS[part].partition(":")
        found: Callable[..., Any] = getattr(import_module(module), attribute)
        return found
    if part == "task":
        return task_factory(values["task"])
    if part == "synthetic":
        return task.synthesize
    if part == "objective" and not values.get("objective"):
        values = {**values, "objective": task.target.objective}
    named = _named(values, {part: {"": ""}})[part]
    return named.registry.get(named.name)


def _defaults(part: str, values: Mapping[str, Any], task: Task) -> Mapping[str, Any]:
    """What a part's options are unless set: what a fusion's recipe sets, the factory's own."""
    factory, withhold = _factory(part, values, task), GIVEN_OPTIONS.get(part, ())
    defaults = option_defaults(factory, withhold)
    if part not in MODEL_PARTS:
        return defaults
    recipe = registered(values["fusion"])
    if part == "sites":
        return {"kind": recipe.sites, "stages": recipe.stages}
    if part == "injector":  # the backbone's, where it is not set
        defaults.pop("spatial_dims", None)
    return {**defaults, **read_options(part, factory, recipe.options.get(part, {}), withhold)}


def task_factory(name: str) -> Callable[..., Any]:
    """What builds a task, from its name or from the path of a TOML."""
    from fusekit.data.own.task import OwnTask

    return partial(OwnTask, Path(name)) if is_own(name) else catalog().tasks.get(name)


def open_task(name: str, options: Mapping[str, Mapping[str, Any]]) -> Task:
    """Build a task from its name, or from the path of a TOML, and its part of the options.

    UnknownName with the nearest; OptionError for an option, DataError for a TOML that does not fit.
    """
    from fusekit.data import Task

    factory = task_factory(name)
    task = make(f"the task {name!r}", factory, **read_options("task", factory, options.get("task", {})))
    if not isinstance(task, Task):
        raise PluginError(f"the task {name!r} builds {type(task).__name__}; a fusekit.Task is expected.")
    for metric in task.metrics:
        catalog().metrics.find(metric)
    return task


def open_under_recipe(values: dict[str, Any], options: dict[str, dict[str, Any]]) -> Task:
    """Open the task, a recipe's options below those given; a task that knows its data fills them in."""
    recipe = None
    if "recipe" in values:
        from fusekit.data.recipe.recipe import read_recipe

        recipe = read_recipe(values["recipe"])
        options |= recipe.overlaid(values["task"], options)
    task = open_task(values["task"], options)
    if task.folder is not None:
        values.setdefault("data", task.folder.absolute())
    if recipe and not recipe.synthetic and "data" not in values:
        raise OptionError("--recipe is one of real data; say where yours lie: --data DIR")
    return task
