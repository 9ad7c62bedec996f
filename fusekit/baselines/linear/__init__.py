"""Linear models of the encoded table, with a penalty that is chosen within the training subjects."""
