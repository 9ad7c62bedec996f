"""The search behind the preset ``tuned``: its protocol, its script, every result."""
