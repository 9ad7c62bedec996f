"""From tables to pictures."""

from fusekit.report.figures.inflation import inflation
from fusekit.report.figures.overview import overview

__all__ = ["inflation", "overview"]
