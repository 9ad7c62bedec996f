"""``fusekit`` that draws nothing of its runs.

``python undrawn.py run TASK ...`` is ``fusekit run TASK ...`` in a process of its own, also for torchrun and srun.
"""

from __future__ import annotations

from fusekit.cli import main
from fusekit.testing.undrawn import undrawn


def draw_nothing() -> None:
    """For the rest of this process."""
    for module, name, substitute in undrawn():
        setattr(module, name, substitute)


if __name__ == "__main__":
    draw_nothing()
    main()
