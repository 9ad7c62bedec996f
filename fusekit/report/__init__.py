"""From tables to pictures."""

from fusekit.report.figures import overview
from fusekit.report.inflation import inflation

__all__ = ["inflation", "overview"]
