"""The task ``mci-converter``: who with mild cognitive impairment develops dementia, from the baseline visit."""

from pathlib import Path
from typing import Literal

import pandas as pd

from fusekit.data import Finding
from fusekit.errors import DataError, OptionError
from fusekit.extension.registry import suggest
from fusekit_adni.descriptions import PHASES
from fusekit_adni.labels.converters import ConverterRule, judge, label_converters
from fusekit_adni.published import CONVERTERS
from fusekit_adni.tables.archive import get
from fusekit_adni.task import AdniTask


class MciConverterTask(AdniTask):
    """Progressive against stable MCI at the baseline visit, as in Yang et al. 2021, section 3.2.

    Progressive is dementia within the horizon; stable is MCI at every visit, seen as late as required. Everyone else is
    left out, and listed by reason. Reads what ``adni-ad`` reads.

    Args:
        horizon_months, require_followup_months, exclude_reverters: see ``ConverterRule``.
        phases: of the study at baseline, such as ADNI2; empty keeps all.
        filter_on: whether ``phases`` are those of the baseline visit (COLPROT) or of enrolment (ORIGPROT).
        images, layout, clinical, datadic: see ``AdniTask``.
    """

    title = "Progressive or stable mild cognitive impairment, from MRI and biospecimens at baseline"
    classes: tuple[str, ...] = ("stable", "progressive")
    published = CONVERTERS
    followed = True

    def __init__(
        self,
        *,
        horizon_months: int = 36,
        require_followup_months: int = 36,
        exclude_reverters: bool = True,
        phases: tuple[str, ...] = (),
        filter_on: Literal["COLPROT", "ORIGPROT"] = "COLPROT",
        images: tuple[str, ...] = ("t1",),
        layout: Literal["auto", "loni", "bids", "caps"] = "auto",
        clinical: Path | None = None,
        datadic: bool = False,
    ):
        super().__init__(visits="all", images=images, layout=layout, clinical=clinical, datadic=datadic)
        self.rule = ConverterRule(horizon_months, require_followup_months, exclude_reverters)
        self.phases = tuple(phase.strip().upper() for phase in phases)
        for phase in self.phases:
            if phase not in PHASES:
                raise OptionError(f"task.phases knows no phase {phase!r}; {suggest(phase, PHASES)}")
        self.filter_on = filter_on

    def label(self, scans: pd.DataFrame, known: pd.DataFrame, findings: list[Finding]) -> pd.DataFrame:
        """Keep the baseline scans of those who are stable or progressive.

        A phase that is asked for and in no table is refused, and so is a cohort without such a subject.
        """
        column = "phase" if self.filter_on == "COLPROT" else "origin"
        if self.phases and column not in scans:
            raise DataError(
                f"task.phases={','.join(self.phases)}: no table has a column {self.filter_on} or PHASE. "
                f"{get('diagnosis')} Or leave task.phases out."
            )
        before = len(findings)
        kept = label_converters(scans, judge(known, self.rule), self.phases, findings, column)
        if kept.empty:
            counts = "; ".join(f"{finding.count} {finding.message}" for finding in findings[before:])
            raise DataError(f"no subject is left who is stable or progressive: {counts}.")
        return kept
