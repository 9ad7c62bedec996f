"""FuseKit's errors as scikit-learn's tools expect them: each is also a ValueError, and names parameters of Python."""

import re
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
        raise also(in_python(str(error))) from error


#: What a task file says of a column -> what a DataFrame says.
_OF_COLUMNS = {
    'kind = "category"': "astype('category')",
    'kind = "number"': "astype(float)",
    "list it in missing": "make it empty",
    "list the code in missing": "make the code empty",
}
_OF_PART = re.compile(r"(?:-o )?\b([a-z]+)\.([a-z_]+)=([\w.]*\w)")
_OF_COMMAND = re.compile(r"(?<![\w-])--([a-z]+(?:-[a-z]+)*)")


def in_python(text: str) -> str:
    """Settings that are spelled as in task files and on the command line, as an estimator takes them.

    ``--batch-size`` is ``batch_size``, and ``-o slices.plane=axial`` is ``options={'slices': {'plane': 'axial'}}``.
    """
    for ours, theirs in _OF_COLUMNS.items():
        text = text.replace(ours, theirs)
    text = _OF_PART.sub(lambda found: f"options={{{found[1]!r}: {{{found[2]!r}: {_value(found[3])}}}}}", text)
    return _OF_COMMAND.sub(lambda found: found[1].replace("-", "_"), text)


def _value(text: str) -> str:
    return text if re.fullmatch(r"[\d.]+|True|False|None", text) else repr(text)
