"""JSON from a disk: of the shape that is asked for, or an error with file and place."""

from __future__ import annotations

import json
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from fusekit.disk.files import regular
from fusekit.errors import DataError, FusekitError

if TYPE_CHECKING:
    from pydantic import ConfigDict, TypeAdapter
    from pydantic_core import ErrorDetails

T = TypeVar("T")
#: For ``pydantic.with_config``, on the outermost type: it holds for those within.
OPEN: ConfigDict = {"allow_inf_nan": False, "extra": "allow"}
#: As ``OPEN``; unknown names are refused.
CLOSED: ConfigDict = {"allow_inf_nan": False, "extra": "forbid"}
#: A description is some kB, and the items of a large cohort's findings some MB.
LARGEST = 2**28
#: Pydantic's code of an error -> what the place should hold.
_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "none_required": "null",
    "string_pattern_mismatch": "a whole number such as '0' or '12'",
    **dict.fromkeys(("list_type", "tuple_type"), "a list"),
    **dict.fromkeys(("dict_type", "dataclass_type", "arguments_type", "namedtuple_type"), "an object"),
}


def read_json(path: Path, kind: type[T]) -> T:
    """Read a regular file; see ``parse_json``."""
    try:
        if regular(path).stat().st_size > LARGEST:
            raise DataError(f"{path} is larger than {LARGEST // 2**20} MiB, which no file of this kind is.")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    return parse_json(content, kind, str(path))


def parse_json(content: str | bytes, kind: type[T], where: str) -> T:
    """Read JSON as a kind: a dataclass is built, anything else comes as it is written, in its order.

    ``kind`` is a dataclass, a TypedDict, or ``dict[...]`` of such. Text is no number, and nesting is at most 200 deep.
    DataError names ``where`` and the first place that is of another kind.
    """
    from dataclasses import is_dataclass

    from pydantic import ValidationError

    try:
        adapter: TypeAdapter[T] = _adapter(cast("Any", kind))
        value = adapter.validate_json(content, strict=True)
        plain: T = json.loads(content, object_pairs_hook=_once)
        return value if is_dataclass(kind) else plain
    except ValidationError as error:
        raise DataError(f"{where}: {_sentence(error.errors()[0])}") from error
    except (FusekitError, ValueError, RecursionError) as error:  # a dataclass refuses its values; a number is too long
        raise DataError(f"{where}: {error}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object; a name that is there twice has two values, of which one would count without a word."""
    made = dict(pairs)
    if len(made) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise DataError(f"the name {twice[:40]!r} is twice in one object. Leave one of them out.")
    return made


@lru_cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _sentence(error: ErrorDetails) -> str:
    """Such as: classes[1] is a number, text is expected."""
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step[:60]}" for step in error["loc"])
    place, code, value = steps.removeprefix(".").removesuffix(".[key]") or "it", error["type"], error["input"]
    if code == "json_invalid":
        return f"this is not JSON that FuseKit reads ({error['ctx']['error']})."
    if code in ("missing", "missing_argument", "missing_keyword_only_argument"):
        return f"{place} is missing."
    if code in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{place} is not known to this FuseKit."
    expected = _EXPECTED.get(code) or error["msg"].removeprefix("Input should be ")
    return f"{place} is {_kind(value)}, {expected} is expected."


def _kind(value: object) -> str:
    """What JSON calls it; numbers and short texts as they are."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"[:60]
    if isinstance(value, str):
        return "text" if len(value) > 40 else f"the text {value!r}"
    return "a list" if isinstance(value, list | tuple) else "an object"
