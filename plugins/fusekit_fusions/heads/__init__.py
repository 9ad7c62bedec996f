"""Heads that join the vectors of image and table in other ways than side by side."""
