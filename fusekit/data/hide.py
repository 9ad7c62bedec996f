"""What is taken away from a cohort on purpose: how its scans count that have no table, and a rehearsal of absence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from fusekit.data.absence import Modality, united
from fusekit.data.cohort import Cohort, Finding
from fusekit.data.images.channels import MASK, columns_of
from fusekit.errors import OptionError


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceOptions:
    """Options of scans without image or table: ``-o absence.option=value``."""

    #: What scans are of which no clinical column has a value. gaps: each column is a missing value, as everywhere else.
    #: keep: they have no table, and a network learns what to take in its place.
    rows_without_table: Literal["gaps", "keep"] = "gaps"
    hide_image: float = 0.0  # share of the subjects whose images are hidden, drawn at random: a rehearsal of absence
    hide_table: float = 0.0  # share of the subjects whose tables are hidden; no subject loses both
    seed: int = 0  # of that draw; --seed changes split and training on the same cohort

    def __post_init__(self) -> None:
        if not (self.hide_image >= 0 and self.hide_table >= 0 and self.hide_image + self.hide_table <= 1):
            raise OptionError(
                "absence.hide_image and absence.hide_table take shares of the subjects that are together at most 1, "
                f"not {self.hide_image:g} and {self.hide_table:g}."
            )

    @property
    def absent(self) -> tuple[Modality, ...]:
        """What scans may lack by these options."""
        table = self.hide_table > 0 or self.rows_without_table == "keep"
        return united(["image"] * (self.hide_image > 0), ["table"] * table)

    def apply(self, cohort: Cohort) -> Cohort:
        """Hide images and tables of a cohort, subject by subject; a scan that lacks one keeps the other."""
        if not self.absent:
            return cohort
        names = cohort.subjects.index
        drawn = cohort.scans["subject"].map(pd.Series(np.random.default_rng(self.seed).random(len(names)), names))
        whole = cohort.present.all(axis=1)
        lost = {"image": whole & (drawn < self.hide_image), "table": whole & (drawn >= 1 - self.hide_table)}
        scans = cohort.scans.copy()
        images = [*columns_of(cohort.images).values(), *[MASK] * (MASK in scans)]
        for name in images:
            scans[name] = scans[name].astype(object).where(~lost["image"], None)
        nothing = {"number": np.nan, "category": None}
        kept = {c.name: cohort.clinical[c.name].where(~lost["table"], nothing[c.kind]) for c in cohort.columns}
        clinical = pd.DataFrame(kept, index=cohort.clinical.index)
        findings = tuple(
            Finding(f"hidden-{name}", f"subjects whose {name} is hidden (absence.hide_{name})", tuple(hidden))
            for name, gone in lost.items()
            if len(hidden := scans.loc[gone, "subject"].unique())
        )
        absent = united(cohort.absent, self.absent)
        return replace(cohort, scans=scans, clinical=clinical, absent=absent, findings=(*cohort.findings, *findings))
