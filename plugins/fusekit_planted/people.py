"""People of whom everything is known: one sign in the image, one marker in the table, and what follows from them.

With x the sign and z the marker, both standard normal, everybody has a score

    eta = image_effect * x + table_effect * z + interaction * x * z,

and, each drawn by itself given eta,

- ill: a yes with log odds eta; the effects are log odds ratios;
- score: 20 + 4 eta + normal noise of deviation 4: slopes of 4 times the effects;
- grade: low, middle or high where eta + logistic noise lies below -1, between, above 1: proportional odds;
- months: exponential with hazard exp(eta) / 30: log hazard ratios; follow-up ends after an exponential time that
  censors about a third, and after 60 months;
- entered: half come under observation at 0, the others at up to 36 months, drawn alike, whatever their eta; empty of
  those whose months are over by then, who are never seen (delayed entry).
"""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from fusekit.data import synthetic
from fusekit.data.synthetic import streams, write_scans
from fusekit.errors import OptionError
from fusekit.progress import Progress

#: Side of the images, radius of the disc that carries the sign, grey levels of a deviation of the sign and of noise.
SIDE, RADIUS, SIGN, NOISE = 64, 12, 12.0, 40.0
#: Months: mean time to the event at eta = 0, to the end of a follow-up, and the longest one.
SURVIVAL, FOLLOWED, LONGEST = 30.0, 75.0, 60.0
#: Months up to which people enter late.
LATEST = 36.0
#: Columns of the table that say nothing, beside age and sex.
BLANKS = 6


class Strengths(synthetic.Strengths):
    """Effects on eta, in standard deviations of sign and marker."""


def draw_people(seed: int, count: int, strengths: Strengths) -> pd.DataFrame:
    """A row per person: id, sign (x), marker (z), ill, score, grade, seen, months, age, sex, lab1, ..., entered."""
    if count < 10:
        raise OptionError(f"subjects takes 10 or more, not {count}.")
    rng, tables, _ = streams(seed)
    x, z = rng.normal(size=(2, count))
    eta = strengths.image * x + strengths.table * z + strengths.interaction * x * z
    time = rng.exponential(SURVIVAL * np.exp(-eta))
    end = np.minimum(rng.exponential(FOLLOWED, count), LONGEST)
    people = pd.DataFrame(
        {
            "id": [f"p{number:04}" for number in range(count)],
            "sign": x,
            "marker": z,
            "ill": np.where(rng.random(count) < 1 / (1 + np.exp(-eta)), "yes", "no"),
            "score": 20 + 4 * eta + rng.normal(0, 4, count),
            "grade": np.array(["low", "middle", "high"])[np.digitize(eta + rng.logistic(size=count), (-1, 1))],
            "seen": np.where(time <= end, "yes", "no"),
            "months": np.minimum(time, end),
        }
    )
    people["age"] = tables.integers(45, 90, count)
    people["sex"] = tables.choice(["female", "male"], count)
    for number in range(BLANKS):
        people[f"lab{number + 1}"] = tables.normal(size=count)
    late, entered = tables.random(count) < 0.5, tables.uniform(0, LATEST, count).round(2)
    entered = np.where(late, entered, 0.0)
    return people.assign(entered=np.where(entered < people["months"].round(2), entered, np.nan))


def write_people(folder: Path, progress: Progress, people: pd.DataFrame, seed: int) -> None:
    """Write a PNG per person and ``people.csv``; the sign is in the pictures alone."""
    _, _, images = streams(seed)
    seeds = images.spawn(len(people))
    rows = list(zip(people["id"], people["sign"], seeds, strict=True))

    def write(row: tuple[str, float, np.random.SeedSequence]) -> None:
        name, sign, own = row
        Image.fromarray(draw_image(np.random.default_rng(own), sign)).save(folder / f"{name}.png")

    write_scans(write, rows, progress, "images")
    shown = people.drop(columns="sign").round({"marker": 3, "score": 2, "months": 2})
    shown.round({f"lab{number + 1}": 3 for number in range(BLANKS)}).to_csv(folder / "people.csv", index=False)


def draw_image(rng: np.random.Generator, sign: float) -> np.ndarray:
    """Noise with a disc somewhere in it, which is the brighter the larger the sign (SIDE, SIDE) uint8."""
    grey = 110 + rng.normal(0, NOISE, (SIDE, SIDE))
    row, column = rng.integers(RADIUS, SIDE - RADIUS, 2)
    rows, columns = np.ogrid[:SIDE, :SIDE]
    grey[(rows - row) ** 2 + (columns - column) ** 2 <= RADIUS**2] += 30 + SIGN * sign
    return np.asarray(np.clip(grey, 0, 255).round().astype(np.uint8))
