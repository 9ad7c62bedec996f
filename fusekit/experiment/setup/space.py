"""What ``--search`` looks through: for each setting a list of candidates, or a range of numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from math import isfinite
from typing import Any

from fusekit.errors import OptionError

#: Trials of a search with a range, unless set.
TRIALS = 20
DOTS, LOG = "..", ":log"
#: What is accepted, for messages.
ACCEPTED = "a list (lr=1e-4,3e-4) or one range of numbers (epochs=10..40, or by its logarithm lr=1e-5..1e-3:log)"


@dataclass(frozen=True, slots=True)
class Range:
    """All numbers from ``low`` to ``high``, both included: whole ones where both are ``int``."""

    low: float
    high: float
    log: bool = False  # drawn evenly from its logarithm

    def __str__(self) -> str:
        return f"{self.low!r}{DOTS}{self.high!r}{LOG if self.log else ''}"


#: Setting, or option as ``part.option`` -> its candidates.
Space = Mapping[str, tuple[Any, ...] | Range]


def candidates(name: str, given: Any, typed: Callable[[Any], Any]) -> tuple[Any, ...] | Range:
    """The candidates of one setting, each once; ``typed`` gives one of them its type, or refuses it.

    OptionError for none, for a range that is none, and for one whose ends the setting does not take.
    """
    several = list(given) if isinstance(given, list | tuple) else [given]
    if not several:
        raise OptionError(f"--search names no candidate for {name}; it takes {ACCEPTED}.")
    if len(several) == 1 and isinstance(several[0], str) and DOTS in several[0]:
        return _range(name, several[0], typed)
    if any(isinstance(one, str) and _is_range(one) for one in several):
        raise OptionError(f"--search {name}={','.join(map(str, several))} mixes both; it takes {ACCEPTED}.")
    return tuple(dict.fromkeys(map(typed, several)))


def has_range(space: Space) -> bool:
    """Whether there are more choices than can be listed."""
    return any(isinstance(one, Range) for one in space.values())


def trials_of(space: Space, given: int | None) -> int | None:
    """How many trials a search with a range has; None of lists, whose combinations are all tried."""
    if has_range(space):
        return given or TRIALS
    if given:
        raise OptionError("--trials is for a --search with a range; of lists every combination is tried.")
    return None


def combinations(space: Space) -> list[dict[str, Any]]:
    """Every choice from lists, the last name varying fastest; of a range its two ends."""
    ends = [(one.low, one.high) if isinstance(one, Range) else one for one in space.values()]
    return [dict(zip(space, values, strict=True)) for values in product(*ends)]


def in_words(choice: Mapping[str, Any]) -> str:
    """A choice as the command line has it."""
    return ", ".join(f"{name}={plain(value)}" for name, value in choice.items())


def plain(value: Any) -> Any:
    """A candidate as a plain value: what JSON and Optuna have no type for as the text of the command line."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def require_optuna() -> None:
    """Raise OptionError, with what to install, where Optuna is missing."""
    try:
        import optuna  # noqa: F401  (is it there?)
    except ImportError as error:
        raise OptionError("--search needs Optuna: pip install 'fusekit[search]'") from error


def _is_range(text: str) -> bool:
    low, dots, high = text.partition(DOTS)
    try:
        return bool(dots) and float(low) <= float(high.removesuffix(LOG))
    except ValueError:
        return False


def _range(name: str, text: str, typed: Callable[[Any], Any]) -> tuple[Any, ...] | Range:
    """The range that a text says; the text itself where the setting takes text."""
    low, _, high = text.partition(DOTS)
    log = high.endswith(LOG)
    try:
        ends = [typed(low), typed(high.removesuffix(LOG))]
    except OptionError as error:
        raise OptionError(f"--search {name}={text}: {error} A range is low..high or low..high:log.") from error
    if not all(isinstance(end, int | float) for end in ends):
        return (typed(text),)
    if not (isfinite(ends[0]) and isfinite(ends[1]) and ends[0] < ends[1]):
        raise OptionError(f"--search {name}={text}: a range goes from a number to a larger one.")
    if log and ends[0] <= 0:
        raise OptionError(f"--search {name}={text}: a range with {LOG} begins above 0.")
    return Range(ends[0], ends[1], log)
