"""What is known of a setting besides its name and its type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fusekit.errors import OptionError


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a setting besides its name and its type.

    Args:
        group: where ``--help`` lists it.
        help: one line for ``--help``.
        default: in words, where it is no plain value.
        metavar: what ``--help`` writes for the value.
        least, above, below: its range; ``least`` belongs to it, the others do not.
        preset: the default is that of the task's preset.
        free: runs of one arm of a report may differ in it.
    """

    group: Literal["data", "model", "training", "evaluation", "output"]
    help: str
    default: str = ""
    metavar: str = ""
    least: float | None = None
    above: float | None = None
    below: float | None = None
    preset: bool = False
    free: bool = False

    def check(self, name: str, number: float) -> None:
        """Refuse a number out of the range, NaN included.

        Raises:
            OptionError: with the name and the range.
        """
        ranges = {
            f"{self.least} or more": self.least is None or number >= self.least,
            f"a number above {self.above}": self.above is None or self.above < number < float("inf"),
            f"a share below {self.below}": self.below is None or number < self.below,
        }
        for takes, fits in ranges.items():
            if not fits:
                raise OptionError(f"--{name.replace('_', '-')} takes {takes}, not {number:g}.")
