"""One palette for every picture: Okabe and Ito's, which colour-blind people can read, and the style of each arm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TypeAlias

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"
PURPLE, GOLD, SKY, YELLOW, BLACK = "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000"
#: Of the palette's family, but dark: yellow lines cannot be seen on white paper.
BROWN = "#6B3A00"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, GOLD, SKY, YELLOW, BLACK)  # of classes, from the first on

LineStyle: TypeAlias = str | tuple[float, tuple[float, ...]]

ARM_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, BLACK, GOLD, SKY, BROWN)
ARM_LINES: tuple[LineStyle, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)), (0, (2.5, 1)))
#: One more than the colours, so that arms of one colour differ in it.
ARM_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<")


@dataclass(frozen=True, slots=True)
class ArmStyle:
    """How one arm is drawn in every picture; line style and marker distinguish it in grey print too."""

    colour: str
    line: LineStyle
    marker: str


def arm_styles(arms: Sequence[str], order: Sequence[str]) -> dict[str, ArmStyle]:
    """Give every arm its colour, line style and marker, which are its own in every picture of a report.

    ``order`` names all arms of the report: an arm looks alike where others are missing. Eight arms have
    colours of their own; from the ninth on colours come back with another line style (five of them, so that forty arms
    differ).
    """
    every = dict.fromkeys([*order, *arms])
    looks = zip(cycle(ARM_COLOURS), cycle(ARM_LINES), cycle(ARM_MARKERS), strict=False)
    styles = {arm: ArmStyle(*look) for arm, look in zip(every, looks, strict=False)}
    return {arm: styles[arm] for arm in dict.fromkeys(arms)}
