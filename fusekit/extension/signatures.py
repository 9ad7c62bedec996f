"""The options of a component, read off its source: a mistyped option is refused without importing torch."""

import ast
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fusekit.extension.options import option_parameters


def option_names(factory: Callable[..., Any] | str, withhold: tuple[str, ...] = ()) -> AbstractSet[str] | None:
    """Names of a factory's options; None where its source, which is not imported, does not show them."""
    if not isinstance(factory, str):
        return frozenset(option_parameters(factory, withhold))
    module, _, attribute = factory.partition(":")
    try:
        found = _declared(module, attribute)
    except (OSError, SyntaxError, RecursionError):  # importing it will say what is wrong
        return None
    return None if found is None else found.difference(withhold)


@cache
def _declared(module: str, attribute: str) -> frozenset[str] | None:
    source = _source(module)
    if source is None:
        return None
    for node in ast.parse(source.read_bytes()).body:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            if any((alias.asname or alias.name) == attribute for alias in node.names):
                return _declared(node.module, next(a.name for a in node.names if (a.asname or a.name) == attribute))
        elif isinstance(node, ast.FunctionDef) and node.name == attribute:
            return frozenset(argument.arg for argument in node.args.kwonlyargs)
        elif isinstance(node, ast.ClassDef) and node.name == attribute:
            return _of_class(module, node)
    return None


def _of_class(module: str, node: ast.ClassDef) -> frozenset[str] | None:
    """Keyword-only parameters of ``__init__``, or the fields of a dataclass that takes nothing by place."""
    for own in node.body:
        if isinstance(own, ast.FunctionDef) and own.name == "__init__":
            return frozenset(argument.arg for argument in own.args.kwonlyargs)
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    if not node.bases and any("dataclass" in text and "kw_only=True" in text for text in decorators):
        fields = (own.target for own in node.body if isinstance(own, ast.AnnAssign))
        return frozenset(target.id for target in fields if isinstance(target, ast.Name))
    inherited = (_declared(module, base.id) for base in node.bases if isinstance(base, ast.Name))
    return next((names for names in inherited if names is not None), None)


def _source(module: str) -> Path | None:
    """The file of a module; packages on the way to it are not imported, since theirs may import torch."""
    top, *rest = module.split(".")
    spec = find_spec(top)
    places = list(spec.submodule_search_locations or ()) if spec else []
    if spec and spec.has_location and not rest:
        return Path(str(spec.origin))
    for place in places:
        path = Path(place, *rest)
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                return file
    return None
