"""What would fool you: found before training, from tables alone where images need not be opened."""

from fusekit.audit.checks import REFUSALS, audit_images, audit_tables, refusals, refuse

__all__ = ["REFUSALS", "audit_images", "audit_tables", "refusals", "refuse"]
