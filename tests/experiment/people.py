"""Somebody's own small data, which need no plugin in other processes, and what a comparison of them leaves."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fusekit.disk import SEAL
from fusekit.report.kept import RECORD as MADE


@contextmanager
def unreported() -> Iterator[None]:
    """Leave out what a comparison computes and draws of its finished runs, which takes longer than its trainings."""
    comparison = sys.modules["fusekit.experiment.compare.comparison"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "gather_evidence", lambda runs, out: None)
        patch.setattr(comparison, "write_report", lambda evidence, out: out)
        yield


def content(folder: Path) -> dict[str, bytes]:
    """Every file, without durations."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in (SEAL, MADE.name):  # their digests are of the durations too
            found[str(path.relative_to(folder))] = path.read_bytes()
    for name in found:
        if name.endswith("manifest.json"):
            manifest = json.loads(found[name])
            del manifest["seconds"]
            found[name] = json.dumps(manifest).encode()
        if name.endswith("history.csv"):
            history = pd.read_csv(folder / name).drop(columns=["seconds", "images_per_second"])
            found[name] = history.to_csv().encode()
    return found


NUMBERS = """
table = "people.csv"
images = "{id}.png"
subject = "id"
label = {number = "score", unit = "points"}
columns = ["age", "tau"]
subgroups = ["sex"]
leave_out = [""]
"""


def _write_study(
    toml: Path, text: str, draw: np.random.Generator, brightness: np.ndarray, tau: np.ndarray, outcome: dict[str, Any]
) -> Path:
    """Pictures of such brightness, a table with such columns of the outcome, and the TOML, which is returned."""
    names = [f"p{number:02}" for number in range(len(tau))]
    for name, mean in zip(names, brightness, strict=True):
        pixels = draw.integers(0, 60, (32, 32)) + 100 + 20 * mean
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(toml.parent / f"{name}.png")
    further = {
        "age": draw.integers(50, 90, len(tau)),
        "tau": (80 + 20 * tau).round(2),
        "sex": draw.choice(["F", "M"], len(tau)),
    }
    pd.DataFrame({"id": names, **outcome, **further}).to_csv(toml.parent / "people.csv", index=False)
    toml.write_text(text)
    return toml


def write_numbers(folder: Path, count: int = 40, *, image: float = 1.0, table: float = 1.0) -> Path:
    """People with a score of 20 + 4 (image times brightness + table times tau, both standardised) and noise.

    One of them has no score. Returns the TOML.
    """
    draw = np.random.default_rng(0)
    brightness, tau = draw.normal(size=(2, count))
    score = 20 + 4 * (image * brightness + table * tau) + draw.normal(0, 1, count)
    outcome = {"score": [f"{value:.2f}" if number else "" for number, value in enumerate(score)]}
    return _write_study(folder / "numbers.toml", NUMBERS, draw, brightness, tau, outcome)


TIMES = """
table = "people.csv"
images = "{id}.png"
subject = "id"
label = {event = "died", time = "months", unit = "months", horizons = [12, 24, 36], name = "death"}
columns = ["age", "tau"]
subgroups = ["sex"]
leave_out = [""]
"""


def write_times(folder: Path, count: int = 60, *, image: float = 1.0, table: float = 1.0, late: bool = False) -> Path:
    """People whose hazard is 1 / 30 months times exp(image times brightness + table times tau, both standardised).

    Follow-up ends at 6 to 60 months, drawn alike; the time of one of them is not known. With ``late`` two thirds came
    under observation at up to 24 months, and before their own time ("came"). Returns the TOML.
    """
    draw = np.random.default_rng(0)
    brightness, tau = draw.normal(size=(2, count))
    time = draw.exponential(30 * np.exp(-(image * brightness + table * tau)))
    end = draw.uniform(6, 60, count)
    outcome = {
        "died": np.where(time <= end, "yes", "no"),
        "months": [f"{value:.2f}" if number else "" for number, value in enumerate(np.minimum(time, end))],
    }
    if late:
        entries = np.where(np.arange(count) % 3 == 0, 0, draw.uniform(0, 24, count))
        outcome["came"] = [
            f"{min(value, 0.9 * end):.2f}" for value, end in zip(entries, np.minimum(time, end), strict=True)
        ]
    text = TIMES.replace('unit = "months"', 'entry = "came", unit = "months"') if late else TIMES
    return _write_study(folder / "times.toml", text, draw, brightness, tau, outcome)


GRADES = """
table = "people.csv"
images = "{id}.png"
subject = "id"
label = {ordered = "grade", order = {low = ["1", "2"], middle = ["3"], high = ["4"]}}
columns = ["age", "tau"]
subgroups = ["sex"]
leave_out = ["", "9"]
"""


def write_grades(folder: Path, count: int = 48, *, image: float = 1.0, table: float = 1.0) -> Path:
    """People with a grade: 1 or 2 (low), 3 or 4, as many of each class, by brightness and tau and a logistic error.

    Two of them have no grade. Returns the TOML.
    """
    draw = np.random.default_rng(0)
    brightness, tau = draw.normal(size=(2, count))
    latent = 3 * (image * brightness + table * tau) + draw.logistic(size=count)
    third = np.argsort(np.argsort(latent)) * 3 // count
    grades = np.where(third == 0, 1 + draw.integers(0, 2, count), third + 2).astype(str).astype(object)
    grades[:2] = ["", "9"]
    outcome = {"grade": grades}
    return _write_study(folder / "grades.toml", GRADES, draw, brightness, tau, outcome)
