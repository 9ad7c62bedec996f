"""Batches: read, moved to the device, augmented."""
