"""Slices on disk, cut once per cohort and shared by every run."""
