"""Synthetic patients: invasion, the 29 attributes, and two signs of the tumour's edge.

Everything is drawn given the invasion, so that with all strengths at 0 everything is independent of it.
"""

import tomllib
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from fusekit.data import synthetic
from fusekit.data.synthetic import skewed
from fusekit.errors import OptionError

#: Share of patients with microvascular invasion.
PREVALENCE = 0.34

_PUBLISHED = tomllib.loads(Path(__file__).with_name("patients.toml").read_text(encoding="utf-8"))

#: Logarithm (base e) of AFP in ng/mL: mean without and with invasion, SD.
AFP = (4.6, 5.6, 2.95)
#: log10 of the viral load where there is one: mean, SD; and the shares with one, so that 12 and 36 % have 3 or more.
HBV_DNA, WITH_VIRUS = (4.5, 1.5), (0.12 / 0.841, 0.36 / 0.841)

#: AFP in ng/mL from which on a ragged margin, rather than satellites, goes with invasion: about half of the patients.
MARKER = 100.0


class Strengths(synthetic.Strengths):
    """How strongly invasion shows: above 2, shares would be beyond 0 and 1."""

    most = 2


def draw_patients(rng: np.random.Generator, count: int, strengths: Strengths) -> pd.DataFrame:
    """Draw patients, four or more, a row each.

    The index is 0..; columns are id, mvi (0 or 1), one per attribute, and the image signs ``margin`` and ``satellites``
    in standard deviations.
    """
    if count < 4:
        raise OptionError(f"subjects takes 4 or more, not {count}: some with and some without invasion.")
    positive = round(PREVALENCE * count)
    mvi = rng.permutation(np.repeat([0, 1], [count - positive, positive]))
    people = pd.DataFrame({"id": [f"HMI-{n:04}" for n in rng.permutation(count) + 1], "mvi": mvi})

    def between(without: float, invaded: float) -> np.ndarray:
        return strengths.between((without, invaded), (1 - PREVALENCE, PREVALENCE), mvi)

    for name, shares in _PUBLISHED["shares"].items():
        people[name] = (rng.random(count) < between(*shares)).astype(int)
    for draw, table in ((rng.normal, _PUBLISHED["normal"]), (partial(skewed, rng), _PUBLISHED["skewed"])):
        for name, ((m0, s0), (m1, s1), low, high) in table.items():
            people[name] = np.clip(draw(between(m0, m1), between(s0, s1)), low, high)
    for name, (median, spread) in _PUBLISHED["medians"].items():
        people[name] = median * rng.lognormal(0, spread, count)
    people["afp"] = np.exp(np.clip(rng.normal(between(AFP[0], AFP[1]), AFP[2]), -1.0, 13.8))
    load = np.maximum(rng.normal(*HBV_DNA, count), 1.0)
    people["hbv_dna"] = np.where(rng.random(count) < between(*WITH_VIRUS), load, 0.0)
    people["dbil"] = 0.35 * people["tbil"] * rng.lognormal(0, 0.2, count)
    people["inr"] = 1.05 + 0.074 * (people["pt"] - 13.8) + rng.normal(0, 0.012, count)

    main, pattern = strengths.shifts(2.0 * mvi - 1, people["afp"].to_numpy() >= MARKER)
    people["margin"] = rng.normal(size=count) + main + pattern
    people["satellites"] = rng.normal(size=count) + main - pattern
    return people
