"""A synthetic cohort as a hospital would bring it. Nobody in it exists."""
