"""From tables to pictures."""

from fusekit.report.figures import overview

__all__ = ["overview"]
