"""The search of settings within a fold's training subjects."""
