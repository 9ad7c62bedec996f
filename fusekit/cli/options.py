"""Settings as options of commands: a command lists those that it takes, and ``Settings`` says what each is."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperCommand, TyperOption
from typer.models import ArgumentInfo

from fusekit.experiment.setup.given import parse_options, parse_search
from fusekit.experiment.setup.presets import PAPER, TUNED
from fusekit.experiment.setup.settings import FIELDS, Settings
from fusekit.extension import catalog

#: Of the commands that read a bundle.
BUNDLE = Annotated[Path, typer.Argument(help="Bundle folder, or the run folder that holds it.", show_default=False)]
IMAGES = Annotated[
    list[str] | None,
    typer.Option(
        "--image",
        metavar="PATH|NAME=PATH",
        help="One patient's volume (NIfTI), series (DICOM folder) or picture; of a model of several images "
        "`NAME=PATH` for each.",
    ),
]
OUT_OF_RANGE = Annotated[
    bool, typer.Option("--allow-out-of-range", help="Take values outside the range seen plausible in training.")
]
#: Options of tasks that the command line knows by short names.
OF_TASK = {
    "layout": "Layout of the data, for tasks that know several.",
    "clinical": "TOML that names the clinical columns, for tasks that take one.",
}
_SHORT = {"options": ("--option", "-o")}
_REPEATED = ("allow", "search", "options")
_DEFAULTS = {field.name: field.default for field in fields(Settings)}


def takes(*names: str, **words: tuple[str, str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command settings as options; it receives them as its first argument, as ``Settings.of`` takes them.

    ``options`` brings ``--layout`` and ``--clinical``; ``words`` are a command's own help and default of a setting.
    """
    shown = [*names, *OF_TASK] if "options" in names else names

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command).parameters.values())[1:]
        hints = get_type_hints(command, include_extras=True)
        parameters = [
            *(inspect.Parameter(name, _BY_NAME, default=None, annotation=_option(name, words)) for name in shown),
            *(parameter.replace(kind=_BY_NAME, annotation=hints[parameter.name]) for parameter in own),
        ]
        parameters.sort(key=lambda parameter: not isinstance(get_args(parameter.annotation)[-1], ArgumentInfo))

        def called(**values: Any) -> None:
            command(_given({name: values.pop(name) for name in shown}), **values)

        called.__name__, called.__doc__ = command.__name__, command.__doc__
        called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return called

    return decorate


_BY_NAME = inspect.Parameter.KEYWORD_ONLY


class PresetsShown(TyperCommand):
    """A command whose help shows what the tasks' presets say; they are read when help is asked for."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        for option in self.params:
            if option.name in FIELDS and isinstance(option, TyperOption):
                option.show_default = option.show_default or default_of(option.name) or False
        super().format_help(ctx, formatter)


def default_of(name: str) -> str:
    """The default of a setting in words; of the presets, those of all tasks, with and without data."""
    about = FIELDS[name][1]
    if about.preset:
        return _preset_default(name)
    if about.words:
        return about.words
    value = _DEFAULTS[name]
    return str(value) if isinstance(value, str | int | float) and value != "" else ""


def _preset_default(name: str) -> str:
    """What the presets say, or of a setting that they leave alone, the tasks."""
    tasks: list[Any] = [catalog().tasks.get(task) for task in catalog().tasks.names()]
    if hasattr(TUNED, name):
        found = getattr(TUNED, name)
        return f"the preset's: {getattr(PAPER, name)}, tuned {'as training.steps needs' if found is None else found}"
    paper = "/".join(dict.fromkeys(str(getattr(task.paper, name)) for task in tasks))
    synthetic = "/".join(dict.fromkeys(str(getattr(task.synthetic, name)) for task in tasks))
    return f"the task's: {paper}" + (f" with --data, {synthetic} without" if synthetic != paper else "")


def _option(name: str, words: Mapping[str, tuple[str, str]]) -> Any:
    """The declaration of one option, for typer."""
    if name in OF_TASK:
        return Annotated[str | None, typer.Option(help=OF_TASK[name], rich_help_panel="Data")]
    kind, about = FIELDS[name]
    text, default = words.get(name, (about.help, "" if about.preset else default_of(name)))
    if name == "task":
        return Annotated[str | None, typer.Argument(help=text, show_default=False)]
    names = _SHORT.get(name, (f"--{name.replace('_', '-')}",))
    if type(None) in get_args(kind):
        kind = get_args(kind)[0]
    metavar = about.metavar or ("|".join(get_args(kind)) if get_origin(kind) is Literal else "")
    if kind is bool:
        return Annotated[bool, typer.Option(*names, help=text, rich_help_panel=about.group.capitalize())]
    metavar = metavar or {int: "INTEGER", float: "NUMBER", str: "TEXT"}.get(kind, "PATH")
    declared = typer.Option(
        *names, help=text, metavar=metavar, rich_help_panel=about.group.capitalize(), show_default=default or False
    )
    return Annotated[(list[str] if name in _REPEATED else str) | None, declared]


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """What the options say, as ``Settings.of`` takes it; None where they are not given."""
    named = {name: values.pop(name) for name in OF_TASK if values.get(name)}
    values = {name: value for name, value in values.items() if name not in OF_TASK and value not in (None, [])}
    if "search" in values:
        values["search"] = parse_search(values["search"])
    options = parse_options(values.get("options", []))
    if named:
        options["task"] = {**options.get("task", {}), **named}
    return {**values, "options": options} if options else values
