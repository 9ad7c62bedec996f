"""How wide a clinical encoder is unless its width is set."""


def width_for(people: int | None) -> int:
    """Choose a width by the number of training subjects, if known."""
    return 64
