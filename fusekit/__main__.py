"""``python -m fusekit`` is ``fusekit``."""

from fusekit.cli import main

main()
