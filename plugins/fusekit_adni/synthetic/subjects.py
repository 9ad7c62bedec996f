"""Synthetic people: diagnosis, marker, image signs, and what a table would say of them.

Everything is drawn given the diagnosis, so that with all strengths at 0 everything is independent of it.
"""

from __future__ import annotations

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
TAU = ((70.0, 30.0), (103.0, 61.0), (122.0, 58.0))  # mean, SD of total tau, xMAP pg/mL
PTAU = ((25.0, 15.0), (35.0, 18.0), (42.0, 20.0))  # of tau phosphorylated at 181
NFL = ((34.7, 21.0), (42.8, 27.0), (51.0, 29.0))  # of plasma neurofilament light, ng/L

#: Plasma analytes and laboratory values: how many, in how many correlated blocks, how many of them tell something, and
#: how much, in standard deviations at a table effect of 1.
ANALYTES, LABS, BLOCKS, BLOCK_SHARE = 190, 39, 12, 0.4
INFORMATIVE, INFORMATIVE_EFFECT = 12, 0.35

#: Seed of what belongs to the disease and the assays and not to a cohort: which columns go together, which of them tell
#: something, and their levels. Cohorts of other seeds hold other people, to whom a trained model can be applied.
BIOLOGY = 20210310


class Strengths(synthetic.Strengths):
    """How strongly the disease shows: above 3, concentrations would be negative."""

    most = 3


def draw_subjects(rng: np.random.Generator, count: int, strengths: Strengths) -> pd.DataFrame:
    """Draw people.

    Args:
        rng: source of every number.
        count: how many with CN or AD; MCI come on top.
        strengths: of the three effects.

    Returns:
        One row a person, index 0..: diagnosis, ptid, rid, site, sex, age, education, carrier, alleles, ventricles and
        horns (the image signs V and H in standard deviations), abeta, tau, ptau, nfl, and a000.. / l00.. (analytes
        and laboratory values, standardised).

    Raises:
        OptionError: fewer than two people, who would not be of both classes.
    """
    if count < 2:
        raise OptionError(f"subjects takes 2 or more, not {count}: one with CN and one with AD.")
    total = round(count / (SHARES["CN"] + SHARES["AD"]))
    return describe(rng, _groups(rng, count, total), strengths)


def describe(rng: np.random.Generator, group: np.ndarray, strengths: Strengths) -> pd.DataFrame:
    """Draw everything about people of whom the diagnosis is given.

    Args:
        rng: source of every number.
        group: 0 CN, 1 MCI, 2 AD, for each person.
        strengths: of the three effects.

    Returns:
        As from ``draw_subjects``.
    """
    total = len(group)
    disease = group - 1.0  # -1 CN, 0 MCI, +1 AD
    people = pd.DataFrame({"diagnosis": np.array(list(SHARES))[group]})
    rid = np.sort(rng.choice(np.arange(2, 10 * total + 2), total, replace=False))
    people["rid"] = rng.permutation(rid)
    people["site"] = rng.choice(np.r_[2:8, 9:14, 16:25, 27, 31:38, 41, 51, 53, 57, 62, 67, 68, 72, 73, 82, 94, 98:101,
                                      109, 114, 116, 123, 126:134, 136, 137], total)  # fmt: skip
    people["ptid"] = [f"{site:03}_S_{rid:04}" for site, rid in zip(people["site"], people["rid"], strict=True)]
    people["sex"] = rng.choice(["Male", "Female"], total)
    people["age"] = np.round(np.clip(rng.normal(75.5, 6.3, total), 55, 91), 1)
    people["education"] = np.clip(rng.normal(15.8, 2.9, total).round(), 6, 20).astype(int)

    def between(values: tuple[float, ...]) -> np.ndarray:
        """Group values, drawn together to their mean as the table's strength goes to 0."""
        pooled = np.average(values, weights=list(SHARES.values()))
        return np.asarray((pooled + strengths.table * (np.array(values) - pooled))[group])

    carrier = rng.random(total) < between(CARRIERS)
    people["carrier"] = carrier
    people["alleles"] = np.where(carrier, 1 + (rng.random(total) < 0.2), 0)
    low = rng.random(total) < between(LOW_AMYLOID)
    modes = np.array(AMYLOID_MODES)[low.astype(int)]
    people["abeta"] = rng.normal(modes[:, 0], modes[:, 1])
    for name, values in (("tau", TAU), ("ptau", PTAU), ("nfl", NFL)):
        people[name] = skewed(rng, between(tuple(m for m, _ in values)), between(tuple(s for _, s in values)))

    main, pattern = strengths.shifts(disease, carrier)
    people["ventricles"] = rng.normal(size=total) + main - pattern
    people["horns"] = rng.normal(size=total) + main + pattern
    biology = np.random.default_rng(BIOLOGY)
    columns = _blocks(rng, biology.integers(0, BLOCKS, ANALYTES + LABS), total)
    columns[:, biology.choice(ANALYTES, INFORMATIVE, replace=False)] += (
        strengths.table * INFORMATIVE_EFFECT / 2 * disease[:, None] * biology.choice([-1, 1], INFORMATIVE)
    )
    names = [f"a{i:03}" for i in range(ANALYTES)] + [f"l{i:02}" for i in range(LABS)]
    return pd.concat([people, pd.DataFrame(columns, columns=names)], axis=1)


def _groups(rng: np.random.Generator, count: int, total: int) -> np.ndarray:
    """Diagnosis of each person as 0, 1, 2, in the shares above, shuffled."""
    affected = round(count * SHARES["AD"] / (SHARES["CN"] + SHARES["AD"]))
    return rng.permutation(np.repeat([0, 1, 2], [count - affected, total - count, affected]))


def _blocks(rng: np.random.Generator, block: np.ndarray, rows: int) -> np.ndarray:
    """Standard normal values (rows, columns), correlated among columns of one ``block`` (columns,)."""
    shared = rng.normal(size=(rows, BLOCKS))[:, block]
    own = rng.normal(size=(rows, len(block)))
    return np.asarray(np.sqrt(BLOCK_SHARE) * shared + np.sqrt(1 - BLOCK_SHARE) * own)
