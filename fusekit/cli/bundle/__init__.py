"""Commands on a shipped model."""
