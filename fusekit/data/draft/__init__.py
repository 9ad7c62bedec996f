"""A first TOML for a folder and a table: ``fusekit new-task``."""
