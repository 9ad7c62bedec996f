"""The shipped model: a folder with ``model.safetensors`` and ``bundle.json``, enough to predict for a new patient."""
