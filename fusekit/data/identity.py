"""Ids that only their spelling tells apart: the same to a person's eye, and different texts to a computer."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

#: Blanks, hyphens and underscores.
_SEPARATORS = re.compile(r"[\s_\-]+")
#: Joiners, fillers and variation selectors, which Unicode counts among marks and letters.
_WIDTHLESS = frozenset({0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10)})


@lru_cache(maxsize=65536)
def alike(text: str) -> str:
    """What is left of an id without what people do not see, or write in several ways.

    That is its Unicode form (NFKC: full-width letters, composed accents), invisible characters, capitals, kinds of
    dashes, blanks, leading zeros, digits of other scripts, and ``.0`` or points at its end. Hyphens, underscores and
    blanks count as one separator between two digits (``1-11`` is not ``11-1``), and as nothing elsewhere.
    """
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_plain, unicodedata.normalize("NFKC", text).casefold()))
        text = unicodedata.normalize("NFKC", text)
    text = text.casefold().strip()
    text = re.sub(r"(?<=\d)\.0+$", "", text.rstrip(". ")).rstrip(". ")
    text = re.sub(r"(?<![\d.])0+(?=\d)", "", _SEPARATORS.sub("-", text).strip("-"))
    text = re.sub(r"(?<!\d)-|-(?!\d)", "", text)
    return re.sub(r"(?<![\d.])0+(?=\d)", "", text)


def spellings(ids: Iterable[str]) -> list[list[str]]:
    """Ids that only their spelling tells apart, sorted, in groups of two or more."""
    groups: dict[str, list[str]] = {}
    for text in sorted(set(ids)):
        groups.setdefault(alike(text), []).append(text)
    return [same for same in groups.values() if len(same) > 1]


def shown(text: str) -> str:
    """An id in quotes, with what its characters are where they are not plain ones."""
    return repr(text) if text.isascii() else f"{text!r} (written {text!a})"


def _plain(sign: str) -> str:
    """ASCII for a digit of any script, and for any dash or minus sign; nothing for a character without width."""
    category = unicodedata.category(sign)
    if category == "Nd":
        return str(unicodedata.digit(sign))
    if category == "Pd" or sign in "\u2212\u02d7\u2043":
        return "-"
    return "" if (category in ("Cf", "Cc") and not sign.isspace()) or ord(sign) in _WIDTHLESS else sign
