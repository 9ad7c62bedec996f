"""Columns that must never be inputs: those that state, define or betray the diagnosis, in whichever table they turn up.

Patterns, not a list of tables: exports gain columns, and people merge tables by hand. Not here, since they are only
strong and not circular: amyloid, tau and NfL in fluid or PET, and the volume of the hippocampus.
"""

from __future__ import annotations

import re

#: Whole names.
_NAMES = {
    "the label, or the future": "GROUP RESEARCH_GROUP ARM EVENT TIME",
    "a shortcut": r"""
        SITE(_?ID)? RID PTID ID IMAGEUID LONIUID UPDATE_STAMP M MONTH.* YEARS_BL COLPROT ORIGPROT PHASE VISIT.*
        VISCODE.* FLDSTRENG.* FSVERSION.* .*BATCH.* KIT(_?(ID|NO|LOT))? .*DATE\d*(_BL)? STDS SAMPLE_?ID BARCODE""",
}
#: Words that may also stand behind a prefix (``BL_MMSE``) or before a suffix (``DX_bl``).
_WORDS = {
    "the label, or the future": "DX.* DIAGNOSIS.* PTADDX",
    "a criterion of the diagnosis": r"""
        MMSE.* MMSCORE CDR.* CD(GLOBAL|MEMORY|ORIENT|JUDGE|COMMUN|HOME|CARE|SOB) LDEL.* LIMMTOTAL FAQ.*""",
    "a cognitive score close to the criteria": r"""
        ADAS.* TOTAL(11|13|MOD) RAVLT.* MOCA.* MPACC.* ECOG.* TRA[AB]SCOR.* DIGITSCOR.* NPI.*""",
    "a treatment": r"""
        KEYMED.* .*(DONEPEZIL|ARICEPT|RIVASTIGMINE|EXELON|GALANTAMINE|RAZADYNE|REMINYL|MEMANTINE|NAMENDA|TACRINE).*""",
}
_REASONS = [
    *((why, re.compile("|".join(names.split()), re.ASCII)) for why, names in _NAMES.items()),
    *((why, re.compile(rf"(.*_)?({'|'.join(words.split())})(_.*)?", re.ASCII)) for why, words in _WORDS.items()),
]


def reason_to_leave_out(column: str) -> str | None:
    """Say why a column must not be an input; None if it may be."""
    name = re.sub(r"[^A-Z0-9]+", "_", column.upper()).strip("_")
    return next((why for why, pattern in _REASONS if pattern.fullmatch(name)), None)
