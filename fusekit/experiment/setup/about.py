"""What is known of a setting besides its name, its type and its default."""

from dataclasses import MISSING, dataclass, field
from typing import Any, Literal

from fusekit.errors import OptionError


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a setting."""

    group: Literal["data", "model", "training", "evaluation", "output"]  # group, help and metavar are for --help
    help: str
    words: str = ""  # the default in words, where it is no plain value
    metavar: str = ""
    least: float | None = None  # of its range, and belongs to it, as ``most`` does; the other two do not
    most: float | None = None
    above: float | None = None
    below: float | None = None
    preset: bool = False  # the default is that of the task's preset
    free: bool = False  # runs of one arm of a report may differ in it

    def check(self, name: str, number: float) -> None:
        """Raise OptionError, with name and range, for a number out of the range."""
        takes = ""
        if self.most is not None and not (self.least or 0) <= number <= self.most:
            takes = f"a number from {self.least} to {self.most}"
        elif self.least is not None and not number >= self.least:
            takes = f"{self.least} or more"
        elif self.above is not None and not self.above < number < float("inf"):
            takes = f"a number above {self.above}"
        elif self.below is not None and not number < self.below:
            takes = f"a share of the training subjects below {self.below}"
        if takes:
            raise OptionError(f"--{name.replace('_', '-')} takes {takes}, not {number:g}.")


def about(group: Any, help: str, default: Any = MISSING, **more: Any) -> Any:  # noqa: A002 (what it is called everywhere)
    """Declare a setting: a field of a dataclass, with what else is known of it."""
    known = {"about": About(group, help, **more)}
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=known)
    return field(default=default, metadata=known)
