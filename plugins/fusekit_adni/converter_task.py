"""The task ``mci-converter``: who with mild cognitive impairment develops dementia, or when, from baseline."""

from pathlib import Path
from typing import Literal

import pandas as pd

from fusekit.data import Finding, Target, TimeToEvent
from fusekit.data.own.outcome import TIMES
from fusekit.errors import DataError, OptionError
from fusekit.extension.registry import suggest
from fusekit_adni.descriptions import PHASES
from fusekit_adni.labels.converters import ConverterRule, judge, label_converters
from fusekit_adni.published import CONVERTERS
from fusekit_adni.tables.archive import get
from fusekit_adni.task import AdniTask


class MciConverterTask(AdniTask):
    """Progressive against stable MCI at the baseline visit, as in Yang et al. 2021, section 3.2; or time to dementia.

    Progressive is dementia within the horizon; stable is MCI at every visit, seen as late as required. Everyone else is
    left out, and listed by reason. As a time (``target=time``) it is that of the visit at which dementia was first
    seen, in months from baseline, censored at the last visit with a diagnosis: nobody is left out for a short follow-up
    or a late conversion. Reads what ``adni-ad`` reads.

    Args:
        target: ``classes``, or ``time``.
        horizons: months at which survival without dementia is stated, of a time; nothing is said beyond the last.
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
        target: Literal["classes", "time"] = "classes",
        horizons: tuple[float, ...] = (12.0, 24.0, 36.0),
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
        self.event: TimeToEvent | None = None
        if target == "time":
            self.event = TimeToEvent("dementia", tuple(map(float, horizons)), "months")
            self.title = "Time from mild cognitive impairment to dementia, from MRI and biospecimens at baseline"
            self.classes, self.published, self.metrics = (), (), TIMES

    @property
    def target(self) -> Target:
        """Stable and progressive, or the time to dementia."""
        return self.event or super().target

    def label(self, scans: pd.DataFrame, known: pd.DataFrame, findings: list[Finding]) -> pd.DataFrame:
        """Keep the baseline scans of those who are stable or progressive, or who were followed.

        A phase that is asked for and in no table is refused, and so is a cohort without such a subject.
        """
        column = "phase" if self.filter_on == "COLPROT" else "origin"
        if self.phases and column not in scans:
            raise DataError(
                f"task.phases={','.join(self.phases)}: no table has a column {self.filter_on} or PHASE. "
                f"{get('diagnosis')} Or leave task.phases out."
            )
        before = len(findings)
        outcomes = judge(known, self.rule.followed if self.event else self.rule.outcome)
        kept = label_converters(scans, outcomes, self.phases, findings, column, self.target.schema["label"])
        if kept.empty:
            counts = "; ".join(f"{finding.count} {finding.message}" for finding in findings[before:])
            what = "was followed" if self.event else "is stable or progressive"
            raise DataError(f"no subject is left who {what}: {counts}.")
        return kept
