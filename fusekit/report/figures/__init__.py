"""The figures of a report, a file per subject."""
