"""Diagnoses at visits, and who converts."""
