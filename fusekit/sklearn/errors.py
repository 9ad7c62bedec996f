"""FuseKit's errors as scikit-learn's tools expect them: each is also a ValueError."""

from collections.abc import Iterator
from contextlib import contextmanager

from fusekit.errors import DataError, FusekitError, OptionError, UnknownName


class OptionValueError(OptionError, ValueError):
    """A parameter of an estimator does not fit."""


class NameValueError(UnknownName, ValueError):
    """No plugin registers the name that a parameter holds."""


class DataValueError(DataError, ValueError):
    """X or y does not fit."""


_ALSO: dict[type[FusekitError], type[FusekitError]] = {
    OptionError: OptionValueError,
    UnknownName: NameValueError,
    DataError: DataValueError,
}


@contextmanager
def as_value_errors() -> Iterator[None]:
    """Raise the errors of settings, names and data as their kind that is a ValueError too."""
    try:
        yield
    except FusekitError as error:
        also = next((ours for kind, ours in _ALSO.items() if isinstance(error, kind)), None)
        if also is None or isinstance(error, ValueError):
            raise
        raise also(str(error)) from error
