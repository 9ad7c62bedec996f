"""Synthetic people: diagnosis, marker, image signs, and what a table would say of them.

Everything is drawn given the diagnosis, so that with all strengths at 0 everything is independent of it.
"""

import numpy as np
import pandas as pd

from fusekit.data import synthetic
from fusekit.data.synthetic import skewed
from fusekit.errors import OptionError

#: Share of each diagnosis. MCI is there because a download has it; the task leaves it out and counts it.
SHARES = {"CN": 0.51, "MCI": 0.07, "AD": 0.42}

#: Published group values (CN, MCI, AD).
CARRIERS = (0.27, 0.53, 0.66)  # of an APOE e4 allele
LOW_AMYLOID = (0.44, 0.80, 0.97)  # shares that give mean A-beta of 206, 164, 143 pg/mL from the two modes below
AMYLOID_MODES = ((258.0, 25.0), (140.0, 25.0))  # mean, SD of normal and low A-beta42, xMAP pg/mL
#: Means and SDs of total tau, tau phosphorylated at 181 (both xMAP pg/mL), and plasma neurofilament light (ng/L).
FLUIDS = {
    "tau": ((70.0, 103.0, 122.0), (30.0, 61.0, 58.0)),
    "ptau": ((25.0, 35.0, 42.0), (15.0, 18.0, 20.0)),
    "nfl": ((34.7, 42.8, 51.0), (21.0, 27.0, 29.0)),
}

#: Plasma analytes and laboratory values: how many, in how many correlated blocks, how many of them are informative, and
#: how far apart the classes then lie, in standard deviations at a table effect of 1.
ANALYTES, LABS, BLOCKS, BLOCK_SHARE = 190, 39, 12, 0.4
INFORMATIVE, INFORMATIVE_EFFECT = 12, 0.35

#: Seed of what belongs to disease and assays: which columns correlate, which are informative, and their levels. Cohorts
#: of other seeds hold other people, to whom a trained model can be applied.
BIOLOGY = 20210310

_SITES = np.r_[2:8, 9:14, 16:25, 27, 31:38, 41, 51, 53, 57, 62, 67, 68, 72, 73, 82, 94, 98:101,
               109, 114, 116, 123, 126:134, 136, 137]  # fmt: skip


class Strengths(synthetic.Strengths):
    """How strongly the disease shows: above 3, concentrations would be negative."""

    most = 3


def draw_subjects(rng: np.random.Generator, count: int, strengths: Strengths) -> pd.DataFrame:
    """Draw ``count`` people with CN or AD, two or more; some with MCI come on top.

    Returns:
        One row per person, index 0..: diagnosis, ptid, rid, site, sex, age, education, carrier, alleles, ventricles and
        horns (the image signs V and H in standard deviations), abeta, tau, ptau, nfl, and a000.. / l00.. (analytes
        and laboratory values, standardised).
    """
    if count < 2:
        raise OptionError(f"subjects takes 2 or more, not {count}: one with CN and one with AD.")
    share = SHARES["CN"] + SHARES["AD"]
    total, affected = round(count / share), round(count * SHARES["AD"] / share)
    groups = rng.permutation(np.repeat([0, 1, 2], [count - affected, total - count, affected]))
    return describe(rng, groups, strengths)


def describe(rng: np.random.Generator, group: np.ndarray, strengths: Strengths) -> pd.DataFrame:
    """Draw everything about people of known diagnosis (``group``: 0 CN, 1 MCI, 2 AD); see ``draw_subjects``."""
    total, shares = len(group), list(SHARES.values())
    disease = group - 1.0  # -1 CN, 0 MCI, +1 AD
    people = pd.DataFrame({"diagnosis": np.array(list(SHARES))[group]})
    people["rid"] = rng.permutation(np.sort(rng.choice(np.arange(2, 10 * total + 2), total, replace=False)))
    people["site"] = rng.choice(_SITES, total)
    people["ptid"] = [f"{site:03}_S_{rid:04}" for site, rid in zip(people["site"], people["rid"], strict=True)]
    people["sex"] = rng.choice(["Male", "Female"], total)
    people["age"] = np.round(np.clip(rng.normal(75.5, 6.3, total), 55, 91), 1)
    people["education"] = np.clip(rng.normal(15.8, 2.9, total).round(), 6, 20).astype(int)
    carrier = rng.random(total) < strengths.between(CARRIERS, shares, group)
    people["carrier"] = carrier
    people["alleles"] = np.where(carrier, 1 + (rng.random(total) < 0.2), 0)
    low = rng.random(total) < strengths.between(LOW_AMYLOID, shares, group)
    people["abeta"] = rng.normal(*np.array(AMYLOID_MODES)[low.astype(int)].T)
    for name, (means, deviations) in FLUIDS.items():
        people[name] = skewed(rng, *(strengths.between(values, shares, group) for values in (means, deviations)))
    main, pattern = strengths.shifts(disease, carrier)
    people["ventricles"] = rng.normal(size=total) + main - pattern
    people["horns"] = rng.normal(size=total) + main + pattern

    biology = np.random.default_rng(BIOLOGY)
    block = biology.integers(0, BLOCKS, ANALYTES + LABS)
    columns = np.sqrt(BLOCK_SHARE) * rng.normal(size=(total, BLOCKS))[:, block]  # what a block's columns share
    columns += np.sqrt(1 - BLOCK_SHARE) * rng.normal(size=(total, len(block)))
    columns[:, biology.choice(ANALYTES, INFORMATIVE, replace=False)] += (
        strengths.table * INFORMATIVE_EFFECT / 2 * disease[:, None] * biology.choice([-1, 1], INFORMATIVE)
    )
    names = [f"a{i:03}" for i in range(ANALYTES)] + [f"l{i:02}" for i in range(LABS)]
    return pd.concat([people, pd.DataFrame(columns, columns=names)], axis=1)
