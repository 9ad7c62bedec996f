"""One cohort beside another, and beside published rows."""
