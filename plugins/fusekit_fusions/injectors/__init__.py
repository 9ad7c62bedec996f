"""Injectors that scale and shift channels by what the table says."""
