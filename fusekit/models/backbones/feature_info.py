"""Which modules of a timm network are its stages: read off its ``feature_info``."""

from collections.abc import Iterator, Sequence
from typing import Any

from torch import nn

from fusekit.errors import OptionError
from fusekit.models.backbones.sites import refusal

#: Stages of a network whose blocks all have one stride: its blocks in so many equal groups.
GROUPS = 4


def stages_of(net: nn.Module, name: str) -> dict[int, list[str]]:
    """Stage -> its outermost modules, in the order of their registration; OptionError if timm does not say.

    A stage is what runs after the previous entry of ``feature_info`` up to and including its own; stage 1 is the one
    that ends at stride 4, stage 2 at 8, and so on. Where all blocks have one stride, as in a ViT, they are four stages
    of as many blocks each (the first ones of one more, where four does not divide them).
    """
    if hasattr(net, "reroll"):
        raise OptionError(refusal(name, "its tokens are in an order of its own, not in that of the image"))
    names = [label for label, _ in net.named_modules()]
    entries = [(_end(net, info, names, name), int(info["reduction"])) for info in _info(net)]
    if len({stride for _, stride in entries}) == 1 and len(entries) > 1:
        return dict(enumerate(_groups([end for end, _ in entries]), 1))
    stages: dict[int, list[str]] = {}
    previous = None
    for end, stride in entries:
        if stride >= 4:
            stages.setdefault(stride.bit_length() - 2, []).extend(_between(names, previous, end))
        previous = end
    if not stages:
        raise OptionError(refusal(name, "timm does not say which modules are its stages"))
    return stages


def _info(net: nn.Module) -> Sequence[Any]:
    return getattr(net, "feature_info", None) or ()


def _end(net: nn.Module, info: Any, names: Sequence[str], name: str) -> str:
    """The module that an entry names. timm says ``block.0`` of some networks whose lists have another name."""
    label: str = info["module"]
    lists = {home: getattr(net, home, None) for home in ("blocks", "stages")}
    homes = [
        home for home, found in lists.items() if isinstance(found, nn.ModuleList) and len(found) == len(_info(net))
    ]
    for known in (label, *(label.replace("block.", f"{home}.") for home in homes)):
        if known in names:
            return known
    raise OptionError(refusal(name, f"its features at stride {info['reduction']} come from no single module"))


def _groups(blocks: list[str]) -> Iterator[list[str]]:
    """In ``GROUPS`` groups of equal size, the first ones greater by one."""
    each, more = divmod(len(blocks), GROUPS)
    for number in range(min(GROUPS, len(blocks))):
        start = number * each + min(number, more)
        yield blocks[start : start + each + (number < more)]


def _between(names: list[str], start: str | None, end: str) -> Iterator[str]:
    """Outermost modules that are registered after ``start`` (None: from ``end``) up to and including ``end``."""
    kept = start
    for label in names[names.index(end if start is None else start) : names.index(end) + 1]:
        inside = kept is not None and (label == kept or label.startswith(f"{kept}."))
        if not inside and not end.startswith(f"{label}."):
            kept = label
            yield label
