"""One run, from its folds to its folder."""
