"""A synthetic cohort in the layout of a real download. Nobody in it exists."""
