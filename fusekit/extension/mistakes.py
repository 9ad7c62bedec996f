"""What pluggy would pass over in silence: functions that were meant as hooks, and would never be called.

A decorated function must be a hook that runs when it is called, with arguments that the hook has. An undecorated one is
a mistake only where little doubt is left: it has a hook's name; or it has nearly one, is not private, and takes that
hook's arguments and no others. Of a module, functions that were imported from other packages are left alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import partial
from types import ModuleType
from typing import Any

import fusekit.extension.hookspecs as hookspecs
from fusekit.extension.kinds import KINDS
from fusekit.extension.registry import suggest

#: Hook -> its arguments.
HOOKS = {
    name: tuple(inspect.signature(hook).parameters)
    for name, hook in vars(hookspecs).items()
    if hasattr(hook, "fusekit_spec")
}
#: How alike (0 to 1) a hook's name an undecorated function's must be: ``run_ends`` has 0.82, ``load_image`` 0.80.
_ALIKE = 0.81
#: The hooks before there was one to register.
_FORMER = {f"register_{kind.plural}": kind.name for kind in KINDS} | {"register_clinical_encoders": "encoder"}


def mistakes(plugin: object) -> Iterator[str]:
    """Say of each function that would not be called as its author meant it what is wrong, and what to do."""
    package = plugin.__name__.partition(".")[0] if isinstance(plugin, ModuleType) else None
    for name in dir(plugin):
        if isinstance(inspect.getattr_static(plugin, name, None), property):
            continue  # asking for it would run it
        found: Any = getattr(plugin, name, None)
        options: Any = getattr(found, "fusekit_impl", None)
        decorated, plain = isinstance(options, Mapping), inspect.isroutine(found)
        own = package in (None, _home(found).partition(".")[0])
        if not plain and (decorated or (own and name in HOOKS and callable(found) and not inspect.isclass(found))):
            kind = "class" if inspect.isclass(found) else type(found).__name__
            yield f"{name!r} is a {kind}, which is never called as a hook: write a function, with @fusekit.hookimpl."
        elif decorated:
            yield from _decorated(name, options, _arguments(found))
            yield from _unfinished(name, found)
        elif own and (inspect.isfunction(found) or inspect.ismethod(found)):
            yield from _undecorated(name, {name for name, has_default in _arguments(found).items() if not has_default})


def _home(found: Any) -> str:
    """The module that a function, or the class of an object, is from."""
    while isinstance(found, partial):
        found = found.func
    return str(getattr(found, "__module__", ""))


def _arguments(function: Any) -> dict[str, bool]:
    """Argument -> whether it has a default."""
    return {
        parameter.name: parameter.default is not parameter.empty
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }


def _unfinished(name: str, function: Any) -> Iterator[str]:
    inside = inspect.unwrap(function)
    wrapper = getattr(function, "fusekit_impl", {})
    if wrapper.get("wrapper") or wrapper.get("hookwrapper"):
        return
    for kind, meant in (
        ("a generator function", inspect.isgeneratorfunction),
        ("an async function", inspect.iscoroutinefunction),
        ("an async generator function", inspect.isasyncgenfunction),
    ):
        if meant(inside):
            yield f"the hook {name!r} is {kind}, so calling it runs nothing: make it plain, without yield and async."


def _decorated(name: str, options: Mapping[str, Any], arguments: Mapping[str, bool]) -> Iterator[str]:
    hook = options.get("specname") or name
    if hook in _FORMER:
        yield _former(name, hook)
    elif hook not in HOOKS and not options.get("optionalhook"):
        yield f"the function {name!r} is decorated, but no hook is called {hook!r}; {suggest(hook, HOOKS)}"
    if hook not in HOOKS:
        return
    if options.get("wrapper") or options.get("hookwrapper"):
        yield f"the hook {name!r} is a wrapper, and wraps nothing: FuseKit calls each plugin alone. Make it plain."
    for argument, has_default in arguments.items():
        if argument not in HOOKS[hook] and not has_default:
            yield f"the hook {hook!r} has no argument {argument!r}; it has: {', '.join(HOOKS[hook])}."
        elif argument in HOOKS[hook] and has_default:
            yield f"the hook {name!r} gives {argument!r} a default, so it would not receive it: remove it."


def _undecorated(name: str, required: set[str]) -> Iterator[str]:
    near = get_close_matches(name.lower(), HOOKS, n=1, cutoff=_ALIKE)
    if name in HOOKS:
        yield (
            f"the function {name!r} is not decorated, so it would never be called. Put @fusekit.hookimpl above it, or "
            "rename it if it is no hook."
        )
    elif name in _FORMER and "register" in required:
        yield _former(name, name)
    elif near and required and required <= set(HOOKS[near[0]]) and not name.startswith("_"):
        yield (
            f"no hook is called {name!r}; did you mean {near[0]!r}? Rename the function and put @fusekit.hookimpl "
            "above it, or begin its name with an underscore if it is no hook."
        )


def _former(name: str, hook: str) -> str:
    return (
        f"the function {name!r} implements a hook of an earlier FuseKit. There is one now, `register(to)`: "
        f"call `to.{_FORMER[hook]}(name, factory, summary)` in it."
    )
