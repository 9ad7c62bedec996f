"""A cohort's ids, rules and digests, to rebuild it from another copy of the data."""
