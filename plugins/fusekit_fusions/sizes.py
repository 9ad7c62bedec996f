"""Options that count something."""

from fusekit.errors import OptionError


def positive(option: str, value: int) -> None:
    """Refuse 0 and less."""
    if value < 1:
        raise OptionError(f"{option} takes 1 or more, not {value}.")
