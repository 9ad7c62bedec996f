"""The command line: a thin layer over ``fusekit.run`` and ``fusekit.load``; it imports nothing ``--help`` can spare."""

from fusekit.cli.app import main, program

__all__ = ["main", "program"]
