"""Keys of a TOML, taken out one by one; what does not fit is noted with its line."""

import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from fusekit.data.own.problems import Problems, line_of
from fusekit.disk import read_named
from fusekit.errors import DataError, OptionError
from fusekit.extension import read_options
from fusekit.extension.registry import suggest


def read_toml(path: Path) -> tuple[str, dict[str, Any]]:
    """Read a TOML: its text, and its entries."""
    try:
        text = read_named(path).decode("utf-8-sig").replace("\r\n", "\n")
        return text, tomllib.loads(text)
    except RecursionError:
        raise DataError(f"{path} is no TOML: its values are nested too deeply.") from None
    except ValueError as error:  # also what is no UTF-8
        raise DataError(f"{path} is no TOML: {error}.") from error


class Keys:
    """Takes what it needs out of a TOML (``text``, to find lines in), and notes where that is something else."""

    def __init__(self, path: Path, text: str, problems: Problems):
        self.path, self.lines, self.problems = path, text, problems

    def wrong(self, keys: tuple[str, ...], sentence: str) -> None:
        """Note what is wrong with a key, with its line."""
        line = line_of(self.lines, *keys) or line_of(self.lines, *keys[:-1])
        where = f"{self.path}, line {line}" if line else str(self.path)
        self.problems.add(f"{where}: {'.'.join(keys)} {sentence}")

    def known(self, entries: dict[str, Any], names: Iterable[str], at: tuple[str, ...] = ()) -> None:
        """Note the keys that mean nothing, with those that look like them."""
        names = list(names)
        for name in entries:
            if name not in names:
                self.wrong((*at, name), f"is no entry here; {suggest(name, names)}")

    def text(self, entries: dict[str, Any], name: str, at: tuple[str, ...] = (), *, needed: bool = False) -> str:
        """Take a text."""
        value: Any = entries.get(name, "")
        if not isinstance(value, str) or (name in entries and not value.strip()):
            self.wrong((*at, name), f"takes text in quotes, not {value!r}.")
            return ""
        if needed and not value:
            self.wrong((*at, name), "is missing.")
        return str(value.strip())

    def texts(self, entries: dict[str, Any], name: str, at: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Take a list of texts, or one; numbers count as their text."""
        value = entries.get(name, [])
        items = value if isinstance(value, list) else [value]
        if not all(isinstance(item, str | int | float) for item in items):
            self.wrong((*at, name), f'takes a list of texts such as ["a", "b"], not {value!r}.')
            return ()
        return tuple(str(item).lower() if isinstance(item, bool) else str(item).strip() for item in items)

    def choice(self, entries: dict[str, Any], name: str, choices: tuple[str, ...], at: tuple[str, ...] = ()) -> str:
        """Take one of some words; the first if there is none."""
        value = entries.get(name, choices[0])
        if value not in choices:
            self.wrong((*at, name), f"takes {' or '.join(map(repr, choices))}, not {value!r}.")
        return str(value)

    def flag(self, entries: dict[str, Any], name: str, at: tuple[str, ...]) -> bool | None:
        """Take true or false; None if there is none."""
        value = entries.get(name)
        if not isinstance(value, bool | None):
            self.wrong((*at, name), f"takes true or false, not {value!r}.")
        return value if isinstance(value, bool) else None

    def limits(self, entries: dict[str, Any], at: tuple[str, ...]) -> dict[str, float]:
        """Take the numbers ``low`` and ``high``, as far as they are there."""
        found: dict[str, float] = {}
        for name in [name for name in ("low", "high") if name in entries]:
            if type(entries[name]) in (int, float):
                found[name] = float(entries[name])
            else:
                self.wrong((*at, name), f"takes a number, not {entries[name]!r}.")
        if len(found) == 2 and found["low"] > found["high"]:
            self.wrong(at, "has low above high.")
        return found

    def tables(self, entries: dict[str, Any], name: str) -> list[dict[str, Any]]:
        """Take repeated sections, ``[[name]]``."""
        value = entries.get(name, [])
        if not (isinstance(value, list) and all(isinstance(item, dict) for item in value)):
            self.wrong((name,), f"takes sections headed [[{name}]], not {value!r}.")
            return []
        return value

    def table(self, entries: dict[str, Any], name: str, at: tuple[str, ...] = ()) -> dict[str, Any]:
        """Take a section, ``[name]``."""
        value = entries.get(name, {})
        if not isinstance(value, dict):
            self.wrong((*at, name), f"takes a section headed [{name}], not {value!r}.")
            return {}
        return value

    def options(
        self, part: str, factory: Callable[..., Any], given: dict[str, Any], withhold: tuple[str, ...]
    ) -> dict[str, Any]:
        """Take the options of a part of a run, each checked against the signature of what it builds."""
        found: dict[str, Any] = {}
        for name, value in given.items():
            try:
                found |= read_options(part, factory, {name: value}, withhold)
            except (OptionError, TypeError) as error:
                self.wrong((part, name), f"does not fit: {error}")
        return found
