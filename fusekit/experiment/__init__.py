"""A run from settings to folder. ``fusekit`` itself has what is public: ``run``, ``compare``, ``evaluate``, ``Run``."""
