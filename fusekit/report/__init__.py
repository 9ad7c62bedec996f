"""From tables to pictures."""

from fusekit.data import Classes, Number, Ordered, TimeToEvent
from fusekit.report.figures.inflation import inflation
from fusekit.report.figures.numbers import number_overview
from fusekit.report.figures.overview import overview
from fusekit.report.figures.survival.overview import survival_overview

#: Kind of target -> what draws a run in one picture.
OVERVIEWS = {
    Classes.kind: overview,
    Ordered.kind: overview,
    Number.kind: number_overview,
    TimeToEvent.kind: survival_overview,
}

__all__ = ["OVERVIEWS", "inflation", "overview"]
