"""People's own images and tables, described rather than programmed."""
