"""From a scan's slices to a scan: which of them count, and how much."""
