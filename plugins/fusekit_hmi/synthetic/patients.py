"""Synthetic patients: invasion, the 29 attributes, and two signs of the tumour's edge.

Everything is drawn given the invasion, so that with all strengths at 0 everything is independent of it.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from fusekit.data import synthetic
from fusekit.data.synthetic import skewed
from fusekit.errors import OptionError

#: Share of patients with microvascular invasion.
PREVALENCE = 0.34

#: Published shares without and with invasion.
SHARES = {
    "male": (0.84, 0.84),
    "hbsag": (0.84, 0.92),
    "hbeag": (0.22, 0.33),
    "hcv": (0.06, 0.06),
    "cirrhosis": (0.53, 0.36),
    "child_b": (0.06, 0.06),
}
#: Normal: mean and SD without and with invasion, lowest and highest value.
NORMAL = {
    "age": ((53.9, 12.9), (49.1, 12.1), 18.0, 88.0),
    "bmi": ((22.7, 3.9), (22.7, 3.9), 14.0, 45.0),
    "alb": ((41.2, 5.5), (41.2, 5.5), 20.0, 58.0),
    "protein": ((70.0, 6.0), (70.0, 6.0), 45.0, 95.0),
    "pt": ((13.8, 1.2), (13.8, 1.2), 10.0, 20.0),
    "plt": ((165.0, 65.0), (165.0, 65.0), 20.0, 600.0),
    "wbc": ((5.6, 1.9), (5.6, 1.9), 1.5, 20.0),
    "hb": ((142.0, 17.0), (142.0, 17.0), 70.0, 200.0),
    "creatinine": ((73.0, 14.0), (73.0, 14.0), 30.0, 200.0),
}
#: Log-normal: mean and SD without and with invasion, lowest and highest value.
SKEWED = {
    "diameter": ((4.3, 2.7), (7.9, 4.1), 0.8, 18.0),
    "ast": ((46.0, 46.0), (86.0, 132.0), 8.0, 3000.0),
    "ggt": ((103.0, 100.0), (114.0, 110.0), 8.0, 3000.0),
    "tbil": ((20.0, 9.0), (15.5, 7.0), 3.0, 300.0),
    "glucose": ((5.6, 1.7), (5.6, 1.7), 2.5, 25.0),
}
#: Log-normal: median and SD of the logarithm, whatever the invasion.
MEDIANS = {"cea": (2.2, 0.6), "ca199": (18.0, 0.9), "alt": (32.0, 0.6), "alp": (85.0, 0.35), "ldh": (190.0, 0.25)}

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

    for name, shares in SHARES.items():
        people[name] = (rng.random(count) < between(*shares)).astype(int)
    for draw, table in ((rng.normal, NORMAL), (partial(skewed, rng), SKEWED)):
        for name, ((m0, s0), (m1, s1), low, high) in table.items():
            people[name] = np.clip(draw(between(m0, m1), between(s0, s1)), low, high)
    for name, (median, spread) in MEDIANS.items():
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
