"""Several arms on the same folds, here or on a cluster."""
