"""A frozen model on another cohort."""
