"""People's own images and tables, described by a TOML."""
