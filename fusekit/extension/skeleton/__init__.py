"""A plugin's first files, kind by kind: what ``fusekit new-plugin`` writes."""
