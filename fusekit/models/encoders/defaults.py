"""What clinical encoders share: a width unless one is set, and a decay of their own."""

from fusekit.errors import OptionError

#: Training subjects up to whom the width is 64, as measured in docs/explanation/clinical-encoders.md.
_MEASURED = 400


def width_for(people: int | None) -> int:
    """Choose a width by the number of training subjects, if known: 64, doubled whenever they are four times as many."""
    width = 64
    while people is not None and people >= 4 * _MEASURED:
        people, width = people // 4, 2 * width
    return width


def checked_decay(weight_decay: float | None) -> float | None:
    """Refuse a decay below 0."""
    if weight_decay is not None and not weight_decay >= 0:
        raise OptionError(f"encoder.weight_decay takes 0 or more, or none, not {weight_decay:g}.")
    return weight_decay
