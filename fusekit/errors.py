"""Every error that FuseKit raises on purpose. Its message says what to do next."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


class FusekitError(Exception):
    """Anything the user can put right; the command line prints it without a traceback and exits with 2."""


class SharedError(FusekitError):
    """What all processes of a training raise at the same time, or because of each other; the first reports it."""


class Interrupted(SharedError):  # noqa: N818  (it is no error)
    """A signal asked for an end; what was done is kept. The command line exits with 75: try again later."""


class PluginError(FusekitError):
    """A plugin cannot be used; the message names the plugin, its distribution and the way out."""


class UnknownName(FusekitError):  # noqa: N818  (reads as what it says: the name is unknown)
    """No plugin registers this name; the message suggests the nearest ones."""


class NameTaken(PluginError):  # noqa: N818  (likewise)
    """Two plugins register one name; the message names both."""


class OptionError(FusekitError):
    """An option does not exist for this component, or has a value it does not take."""


class DataError(FusekitError):
    """Something is wrong on disk; the message names file, row and column."""


class LeakageError(DataError):
    """The answer would be known beforehand: one subject on both sides of a split, or what the audit refuses."""


#: What code of others may raise to say that it failed; Ctrl-C is none of it.
FAILURES = (Exception, SystemExit)


def first_ten(items: Iterable[object]) -> str:
    """List ten items, and say how many more there are."""
    texts = [str(item) for item in items]
    return ", ".join(texts[:10]) + (f" and {len(texts) - 10} more" if len(texts) > 10 else "")


@contextmanager
def attempt(what: str, failed: Callable[[str], None] | None) -> Iterator[None]:
    """Make something that comes after training; where it fails, ``failed`` gets a sentence, and no run is lost.

    Ctrl-C and the signals that end a program pass, and so does everything if ``failed`` is None.
    """
    try:
        yield
    except Interrupted:
        raise
    except Exception as error:
        if failed is None:
            raise
        said = str(error) if isinstance(error, FusekitError) else f"{type(error).__name__}: {error}"
        failed(f"{what} could not be made: {' '.join(said.split()).rstrip('.')}.")
