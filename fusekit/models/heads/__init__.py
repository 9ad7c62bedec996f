"""Fusion heads."""
