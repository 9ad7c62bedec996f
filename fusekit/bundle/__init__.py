"""The shipped model: a folder with ``bundle.json`` and what predicts, enough for a new patient."""
