"""Where a row's image lies: a pattern with column names in braces, or a path in a cell; never outside the folder."""

import glob
import os
import re
import sys
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path, PurePosixPath, PureWindowsPath

from fusekit.data.identity import alike
from fusekit.errors import DataError
from fusekit.extension.registry import suggest

_WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_ARCHIVES = (".zip", ".tar", ".tgz", ".tbz", ".txz", ".7z", ".rar", ".gz", ".bz2", ".xz", ".zst")


class NotThere(DataError):  # noqa: N818  (reads as what it says)
    """A path inside the data folder at which nothing lies; the message is a clause about the path."""


class Candidates(list[str]):
    """Paths, sorted, that are found by how they begin and end, or by a word in them: rows may be thousands."""

    def __init__(self, paths: Iterable[str]):
        super().__init__(sorted(paths))
        self._backwards = sorted(path[::-1] for path in self)

    def some(self, start: str, end: str, whole: Sequence[str]) -> list[str]:
        """A few paths among which are all that begin and end so and hold the texts as whole words."""
        first, last = _beginning(self, start)
        low, high = _beginning(self._backwards, end[::-1])
        found = self[first:last] if last - first <= high - low else [path[::-1] for path in self._backwards[low:high]]
        if len(found) > 1:
            for text in whole:
                for word in re.findall("[A-Za-z0-9]+", text)[:1]:
                    found = min(found, self._words.get(word, []), key=len)
        return sorted(found)

    @cached_property
    def _words(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in self:
            for word in set(re.findall("[A-Za-z0-9]+", path)):
                found.setdefault(word, []).append(path)
        return found


def _beginning(paths: Sequence[str], start: str) -> tuple[int, int]:
    return bisect_left(paths, start), bisect_left(paths, start + chr(sys.maxunicode))


@dataclass(frozen=True)
class Pattern:
    """A path with column names in braces, such as ``scans/{scan_id}.nii.gz``.

    Its plain parts may hold ``*`` and ``?``, which match any characters but ``/``, and ``**``, which matches folders.
    A value beside a wildcard counts as a whole word: ``{id}*`` with the id 1 finds ``1_t1.nii``, not ``10_t1.nii``.
    """

    text: str

    def __post_init__(self) -> None:
        if "{" in "".join(self._plain) or "}" in "".join(self._plain) or not all(name.strip() for name in self.columns):
            raise DataError(f"{self.text!r} has a brace without its partner, or no column name between braces.")
        if not self.columns:
            raise DataError(
                f"{self.text!r} names one file for all rows. Put the column that tells them apart in braces, such as "
                "'scans/{scan_id}.nii.gz', or name a column of paths: {column = \"...\"}."
            )
        refuse_leaving(self.text)

    @cached_property
    def _plain(self) -> list[str]:
        return re.split(r"\{[^{}]*\}", self.text)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns in its braces, in order; one may come twice."""
        return tuple(name.strip() for name in re.findall(r"\{([^{}]*)\}", self.text))

    @cached_property
    def _words(self) -> list[bool]:
        """Whether the value of each brace begins and ends with a word of the path: nothing joins on to it."""
        plain = ["/" + self._plain[0], *self._plain[1:-1], self._plain[-1] + "/"]  # as if the path ended in slashes
        pairs = pairwise(plain)
        return [not (before[-1:] or "x").isalnum() and not (after[:1] or "x").isalnum() for before, after in pairs]

    def candidates(self, folder: Path) -> Candidates:
        """Every path below the folder that some row could have, relative to it."""
        parts = re.sub(r"\{[^{}]*\}", "\0", self.text).replace("[", "[[]").split("/")
        wide = "/".join(part if part == "**" else re.sub(r"[*\0]+", "*", part) for part in parts)
        found = glob.glob(wide, root_dir=folder, recursive=True)  # noqa: PTH207 (Path.glob cannot escape a bracket)
        return Candidates({Path(path).as_posix() for path in found})

    def find(self, values: Sequence[str], candidates: Candidates) -> list[str]:
        """The candidates that a row's values (one per column in braces) fit."""
        pairs = list(zip(self._plain, [*values, ""], strict=True))
        fixed = "".join(re.sub(r"\*\*/|[*?]", "\0", plain) + value for plain, value in pairs).split("\0")
        free = [value for value, word in zip(values, self._words, strict=True) if word]
        found = candidates.some(fixed[0], fixed[-1], free)
        if not found or len(fixed) == 1:  # of thousands of rows, few need an expression
            return [path for path in found if path == fixed[0]]
        expression = self._expression([re.escape(value) for value in values])
        return [path for path in found if expression.fullmatch(path)]

    def ids(self, candidate: str) -> tuple[str, ...] | None:
        """The values that a candidate holds in its braces: what to compare with a row whose image was not found."""
        match = self._expression(["([^/]+)"] * len(self.columns)).fullmatch(candidate)
        return match.groups() if match else None

    def _expression(self, values: Sequence[str]) -> re.Pattern[str]:
        text = ""
        for number, (plain, value) in enumerate(zip(self._plain, [*values, ""], strict=True)):
            word_before = number > 0 and plain[:1] in ("*", "?")
            word_after = number < len(values) and plain[-1:] in ("*", "?")
            parts = re.split(r"(\*\*/|\*\*|\*|\?)", plain)
            text += "(?![A-Za-z0-9])" if word_before else ""
            text += "".join(_WILDCARDS.get(part, re.escape(part)) for part in parts)
            text += ("(?<![A-Za-z0-9])" if word_after else "") + value
        return re.compile(text, re.DOTALL)


def refuse_leaving(text: str) -> None:
    """Refuse a path that is not plainly below the data folder, or an archive; the message is a clause about it."""
    if "\0" in text:
        raise DataError(f"{text!r} is no path.")
    windows = PureWindowsPath(text)
    if PurePosixPath(text).is_absolute() or windows.drive or windows.root or text.startswith("~"):
        raise DataError(f"{text!r} is an absolute path; paths start from the data folder and stay inside it.")
    if ".." in windows.parts:  # these parts also end at a backslash
        raise DataError(f"{text!r} leads out of the data folder ('..'); paths stay inside it.")
    if is_archive(text):
        raise DataError(f"{text!r} is an archive, and archives are never unpacked here. Unpack it yourself.")


def is_archive(name: str) -> bool:
    """Whether a name is that of an archive or a compressed file; compressed NIfTI files are read as they are."""
    name = name.lower()
    return name.endswith(_ARCHIVES) and not name.endswith((".nii.gz", ".img.gz", ".hdr.gz"))


def confined(folder: Path, relative: str) -> Path:
    """Return the path (with either slash) below the folder; every link on the way is followed.

    NotThere: there is no such file or folder. DataError: it leaves the folder, or is an archive. Both hold a clause.
    """
    refuse_leaving(relative)
    path = folder / relative.replace("\\", "/")
    try:
        if not path.exists():
            raise NotThere(f"{relative!r}: there is no such file or folder.")
        links = [path, *(entry for entry in path.iterdir() if entry.is_symlink())] if path.is_dir() else [path]
    except (OSError, ValueError) as error:
        raise DataError(f"{relative!r} cannot be looked at: {error}.") from error
    home = os.path.realpath(folder)
    for link in links:
        if os.path.commonpath([home, os.path.realpath(link)]) != home:
            shown = link.relative_to(folder).as_posix()
            raise DataError(f"{shown!r} is a link that leads out of the data folder; copy the file into it.")
    if path == folder:
        raise DataError(f"{relative!r} is the data folder itself.")
    return path


def spelt_otherwise(wanted: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """For each wanted id, the known one that only its spelling tells apart, if there is one."""
    by_likeness: dict[str, list[str]] = {}
    for other in known:
        by_likeness.setdefault(alike(other), []).append(other)
    found = {text: by_likeness.get(alike(text), []) for text in wanted}
    return {text: others[0] for text, others in found.items() if others and others[0] != text}


def nearest(value: str, known: Iterable[str]) -> str:
    """A clause that suggests the known name that only its spelling tells apart, else those that look like it."""
    known = list(known)
    near = spelt_otherwise([value], known)
    return f"did you mean {near[value]!r}?" if near else suggest(value, known)
