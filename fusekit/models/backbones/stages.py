"""Which stage of a network every part of it belongs to, and freezing it from the front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from torch import nn

from fusekit.errors import OptionError

#: Of a network, the last stage that is frozen with all before it; a number counts as papers do, from 1.
Freeze: TypeAlias = Literal["none", "stem", "all"] | int


def stage_numbers(net: nn.Module, stages: Mapping[int, Sequence[str]]) -> dict[str, int]:
    """Name of every module -> the number of its stage: 0 is the stem, and last + 1 what follows the last stage.

    What lies between two stages belongs to the first. What holds stages, the network itself among them, counts with
    the stem: so do weights of its own, such as a class token.
    """
    units = {unit: number for number, names in stages.items() for unit in names}
    last, reached, found = max(stages), 0, {}
    for name, _ in net.named_modules():
        within = [number for unit, number in units.items() if f"{name}.".startswith(f"{unit}.")]
        if within:
            reached = max(reached, within[0])
            found[name] = within[0]
        else:
            behind = last + 1 if reached == last else reached
            found[name] = 0 if _holds(name, units) else behind
    return found


def freeze(net: nn.Module, stages: Mapping[int, Sequence[str]], until: Freeze, name: str) -> tuple[str, ...]:
    """Stop gradients of a network's weights up to and including a stage, in place.

    Returns:
        Names of the modules that are to stay in evaluation mode: batch norms with their running statistics, dropout.

    Raises:
        OptionError: the network has no such stage.
    """
    if until == "none":
        return ()
    if until == "all":
        net.requires_grad_(False)
        return tuple(label for label, _ in net.named_modules())
    last = 0 if until == "stem" else until
    if last not in (0, *stages):
        listed = ", ".join(map(str, sorted(stages)))
        raise OptionError(
            f"backbone.freeze takes none, stem, all, or a stage with all before it: the backbone {name!r} has "
            f"{listed}, not {until}."
        )
    numbers = stage_numbers(net, stages)
    for label, weight in net.named_parameters():
        if numbers[label.rpartition(".")[0]] <= last:
            weight.requires_grad_(False)
    units = [unit for names in stages.values() for unit in names]
    return tuple(label for label, number in numbers.items() if number <= last and not _holds(label, units))


def _holds(name: str, units: Mapping[str, int] | Sequence[str]) -> bool:
    """Whether a module has stages inside it."""
    return not name or any(unit.startswith(f"{name}.") for unit in units)
