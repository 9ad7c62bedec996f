"""Options of components: the keyword-only parameters of their factory, checked and converted by annotation."""

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from math import isnan
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from fusekit.errors import OptionError
from fusekit.extension.registry import suggest


def read_options(
    part: str, factory: Callable[..., Any], given: Mapping[str, Any], withhold: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Check a component's options against its signature and convert text to the annotated types, or raise OptionError.

    ``given`` is text (from the command line) or values (from TOML or Python); ``withhold`` are parameters that are not
    the user's to set. ``part`` is the name before the dot in ``-o part.option=value``.
    """
    parameters = option_parameters(factory, withhold)
    options = {}
    for name, value in given.items():
        if name not in parameters:
            hint = suggest(name, parameters) if parameters else "it has no options."
            raise OptionError(f"{part} has no option {name!r}; {hint}")
        options[name] = convert(f"{part}.{name}", parameters[name], value)
    return options


def option_parameters(factory: Callable[..., Any], withhold: tuple[str, ...] = ()) -> dict[str, Any]:
    """Option name -> annotated type, for every keyword-only parameter."""
    bound = factory.keywords if isinstance(factory, partial) else {}
    target = factory.func if isinstance(factory, partial) else factory
    hints = get_type_hints(target.__init__ if inspect.isclass(target) else target)
    return {
        name: hints.get(name, Any)
        for name, parameter in inspect.signature(target).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in withhold and name not in bound
    }


def option_defaults(factory: Callable[..., Any], withhold: tuple[str, ...] = ()) -> dict[str, Any]:
    """Option name -> default value."""
    parameters = inspect.signature(factory).parameters
    return {name: parameters[name].default for name in option_parameters(factory, withhold)}


def convert(name: str, kind: Any, value: Any) -> Any:
    """Make a value of text, or check that it is one; OptionError with the name if it is not of the kind."""
    try:
        return _as(kind, value)
    except (ValueError, TypeError, OverflowError):
        raise OptionError(f"{name} takes {describe_type(kind)}, not {value!r}.") from None


def _as(kind: Any, value: Any) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if kind is Any or (origin is Literal and value in args):
        return value
    if origin in (Union, UnionType):
        if (value is None or value == "none") and NoneType in args:
            return None
        for one in args:
            if one is not NoneType:
                with suppress(ValueError):
                    return _as(one, value)
        raise ValueError
    if origin is tuple:
        items = [item for item in value.split(",") if item] if isinstance(value, str) else list(value)
        kinds = [args[0]] * len(items) if args[1:] == (...,) else args
        return tuple(_as(one, item) for one, item in zip(kinds, items, strict=True))
    if kind in (int, float):
        text = isinstance(value, str) and value.isascii() and "_" not in value  # Python reads 1_0 as ten
        if isinstance(value, bool) or not (text or isinstance(value, int | kind)) or isnan(number := kind(value)):
            raise ValueError
        return number
    if kind is bool and value in ("true", "false"):
        return value == "true"
    if kind is Path:
        return Path(value)
    if isinstance(kind, type) and isinstance(value, kind):
        return value
    raise ValueError


def describe_type(kind: Any) -> str:
    """What an option takes, for messages and documentation."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Literal:
        return "one of " + ", ".join(map(str, args))
    if origin in (Union, UnionType):
        return " or ".join(describe_type(a) for a in args)
    if origin is tuple:
        return f"{describe_type(args[0]).removeprefix('a ')}s separated by commas"
    return {bool: "true or false", int: "a whole number", float: "a number", NoneType: "none", str: "text"}.get(
        kind, getattr(kind, "__name__", str(kind))
    )
