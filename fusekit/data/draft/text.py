"""A draft as TOML, with comments that say why each line is as it is."""

import json
import re
from pathlib import Path
from typing import Any

from fusekit.data.draft.draft import Draft

_NEGATIVE = re.compile("0|no?|false|neg(ative)?|benign|controls?|healthy|normal|cn|hc", re.IGNORECASE)


def as_toml(made: Draft, data: str) -> str:
    """Write a draft down; ``data`` is the data folder as seen from where the TOML will lie."""
    from jinja2 import Environment, StrictUndefined

    # The likely positive one last: 1, yes, malignant; else the rarer one.
    counts, two = made.label_values, len(made.label_values) == 2
    classes = sorted(counts, key=lambda value: (not _NEGATIVE.fullmatch(value), -counts[value] if two else 0, value))
    plain: dict[str, Any] = {"trim_blocks": True, "lstrip_blocks": True, "keep_trailing_newline": True}
    environment = Environment(undefined=StrictUndefined, **plain)  # noqa: S701 (no HTML)
    environment.filters |= {"toml": _value, "key": _key, "line": _line}
    template = environment.from_string(Path(__file__).with_name("draft.toml.jinja").read_text(encoding="utf-8"))
    return template.render(
        made=made,
        data=data,
        kind=made.found.kind,
        classes=classes or ["no", "yes"],
        counts=", ".join(f"{value}: {count}" for value, count in counts.items()),
        unlabelled=made.rows - sum(counts.values()),
    )


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")  # all else TOML escapes as JSON does


def _key(name: str) -> str:
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else _value(name)


def _line(text: str) -> str:
    """Text as a comment may hold it: on one line, without control characters."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
