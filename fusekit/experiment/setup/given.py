"""Settings as people give them: keyword arguments, text of a command line, a TOML file, a run's manifest."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from fusekit.disk import parse_json, regular
from fusekit.errors import OptionError


class Given(TypedDict, total=False):
    """What ``fusekit.run`` and ``fusekit.compare`` take besides the task; ``Settings`` documents each."""

    data: str | Path | None
    recipe: str | Path | None
    seed: int | None
    allow: Sequence[str] | None
    image_size: int | None
    fusion: str | None
    baseline: str | None
    backbone: str | None
    preset: str | None
    ship: str | None
    epochs: int | None
    batch_size: int | None
    lr: float | None
    objective: str | None
    search: Mapping[str, str | Sequence[Any]] | None
    trials: int | None
    options: Mapping[str, Mapping[str, Any]] | None
    device: str | None
    devices: int | None
    nodes: int | None
    precision: str | None
    folds: int | None
    validation: float | None
    select: str | None
    threshold: str | None
    aggregate: str | None
    learning_curve: bool | None
    conformal: float | None
    explain: str | None
    track: str | Sequence[str] | None
    out: str | Path | None


def read_config(path: Path) -> dict[str, Any]:
    """Read a TOML file, or a run's ``manifest.json``, into what ``Settings.of`` takes.

    Tables of the TOML are parts: ``[injector]`` with ``activation = "none"`` is ``-o injector.activation=none``; the
    entries of ``[search]`` are ``--search``. OptionError if it cannot be read, with the place where it is wrong.
    """
    try:
        text = regular(path).read_text(encoding="utf-8")
        if path.suffix == ".json":
            from fusekit.report.records import Configured

            config = parse_json(text, Configured, f"--config {path}")["config"]
            # Of a time before there were presets, all was as published unless it was set.
            return {"preset": "paper", **{name: value for name, value in config.items() if name != "out"}}
        entries = tomllib.loads(text)
    except OSError as error:
        raise OptionError(f"--config {path} cannot be read: {error.strerror}.") from error
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise OptionError(f"--config {path} is not a configuration: {error}.") from error
    options = {name: value for name, value in entries.items() if isinstance(value, dict) and name != "search"}
    return {name: value for name, value in entries.items() if name not in options} | {"options": options}


def parse_options(pairs: Sequence[str]) -> dict[str, dict[str, str]]:
    """``["injector.activation=none"]`` -> ``{"injector": {"activation": "none"}}``; a part may be ``ARM:part``."""
    options: dict[str, dict[str, str]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        part, dot, option = name.rpartition(".")
        if not (equals and dot and part and option):
            raise OptionError(f"-o takes part.option=value, not {pair!r}; an example: -o training.ema=0.99.")
        options.setdefault(part, {})[option.replace("-", "_")] = value
    return options


def parse_search(pairs: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """``["lr=1e-4,3e-4"]`` -> ``{"lr": ("1e-4", "3e-4")}``; a range is one text."""
    search: dict[str, tuple[str, ...]] = {}
    for pair in pairs:
        name, equals, values = pair.partition("=")
        candidates = tuple(value for value in values.split(",") if value)
        if not (equals and name and candidates):
            raise OptionError(
                f"--search takes name=value,value (lr=1e-4,3e-4) or name=low..high (lr=1e-5..1e-3:log), not {pair!r}."
            )
        name = name.replace("-", "_")
        if name in search:
            raise OptionError(f"--search names {name} twice.")
        search[name] = candidates
    return search


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Lay settings over each other, the last on top; options merge option by option."""
    merged: dict[str, Any] = {}
    options: dict[str, dict[str, Any]] = {}
    for layer in layers:
        merged.update({name: value for name, value in layer.items() if value is not None and name != "options"})
        for part, values in entries(layer.get("options") or {}, "options").items():
            options.setdefault(part, {}).update(entries(values, part))
    return {**merged, "options": options}


def relocated(options: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The options, with ``training.smoothing`` of older settings where it is today: at the objective."""
    training = dict(options.get("training", {}))
    if "smoothing" not in training:
        return options
    smoothing = {"smoothing": training.pop("smoothing")}
    return {**options, "training": training, "objective": {**smoothing, **options.get("objective", {})}}


def entries(value: Any, name: str) -> Mapping[str, Any]:
    """The value itself; OptionError if it has no names with values."""
    if not isinstance(value, Mapping):
        raise OptionError(f"{name} takes names with values, not {value!r}.")
    return value
