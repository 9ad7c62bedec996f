"""How much of an explanation is made: all of it, or what a share of the training's work pays for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fusekit.explain.ablations import HIDDEN

#: A forward and a backward pass, in forward passes.
BACKWARD = 3

#: Values that are tried in a what-if figure, about; each costs a prediction and a map.
TRIED = 6


@dataclass(frozen=True)
class Extent:
    """What is computed of one fold."""

    slices: int = 3  # of each scan, for the mean maps
    scans: int = 10**9  # for the mean maps, at most
    subjects: int = 16  # whose values are attributed where the table enters the backbone, at most
    steps: int = 16  # of their integrated gradients
    changed: int = 3  # columns of the what-if figure, for each of two patients
    single: int = 6  # columns permuted one by one, where the table enters the backbone
    hidden: tuple[float, ...] = HIDDEN  # shares of values that are hidden
    permuted: bool = True  # tables' blocks are permuted too, and not only left out

    def passes(self, *, scans: int, blocks: int, image: bool, table: bool, injected: bool) -> int:
        """Forward passes of a slice that it takes, about.

        One slice of each scan is ablated; blocks are the tables that clinical columns come from. A model reads image or
        table or both, and may have the table injected into the backbone, so that another table is another pass.
        """
        if not image:
            return 0  # a table alone costs next to nothing
        maps = BACKWARD * self.slices * min(scans, self.scans)
        if not (table and injected):
            return maps + 4 * scans
        attributed = BACKWARD * self.steps * min(scans, self.subjects)
        tried = 2 * self.changed * TRIED * (1 + BACKWARD)
        conditions = 5 + (1 + self.permuted) * blocks + len(self.hidden) + self.single
        return maps + attributed + tried + (conditions + 1) * scans


#: From all of it down to the least that still says something; the first that is paid for is made, or the last.
EXTENTS = (
    Extent(),
    Extent(slices=1, subjects=8, changed=2, single=3),
    Extent(slices=1, scans=64, subjects=8, steps=8, changed=1, single=0, hidden=(0.3, 0.7)),
    Extent(slices=1, scans=32, subjects=4, steps=8, changed=1, single=0, hidden=(0.5,), permuted=False),
)


def affordable(work: float | None, **of: Any) -> tuple[Extent, int]:
    """The largest extent that takes ``work`` forward passes at most, or all without a bound, and how many it takes."""
    found = [(extent, extent.passes(**of)) for extent in EXTENTS]
    return next((one for one in found if work is None or one[1] <= work), found[-1])
