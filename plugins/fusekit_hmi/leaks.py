"""Columns that must never be inputs: what only pathology, the operation or the future can tell, and shortcuts.

Patterns over names, since every hospital calls them differently. Microvascular invasion is seen in the resected tissue,
so whatever else is seen there is known no earlier than the answer itself.
"""

from __future__ import annotations

import re

from fusekit.data.own.attributes import recognise

#: Patterns over a name in lower case with its words joined by single underscores.
_PATTERNS = {
    "the label, or made from it": r"(.*_)?(mvi|micro_?vascular|vascular_invasion|m[012]_grade)(_.*)?|vi",
    "read off the resected tissue": r"""
        (.*_)?(edmondson|steiner|differentiation|satellite|satellites|micro_?satellite|capsule|capsular|encapsulation)(_.*)?
        (.*_)?(pathology|pathologic|pathological|patho|histology|histologic|histological|histopathology|specimen)(_.*)?
        (.*_)?(ki_?67|ck_?19|glypican|immuno.*|ihc|margin_status|resection_margin|surgical_margin)(_.*)?
        (tumou?r_)?grade|(.*_)?grading(_.*)?""",
    "a stage that includes vascular invasion": r"(.*_)?(p?tnm|ajcc|uicc|cnlc)(_.*)?|y?p[nmv]|y?p?[tnv]_stage",
    "the future": r"""
        (.*_)?(recurrence|recurred|relapse|progression|survival|death|dead|died|deceased|alive)(_.*)?
        (.*_)?(mortality|follow_?up)(_.*)?
        (.*_)?(rfs|dfs|pfs|os|ttr|event|outcome|prognosis)(_.*)?""",
    "known only in the operation or after it": r"""
        (.*_)?(blood_?loss|transfusion|transfused|operation|operative_time|surgery|resection|hepatectomy|pringle)(_.*)?
        (.*_)?(post_?op|post_?operative|postop.*|intra_?op.*|complication|complications|clavien|adjuvant|icu|drain.*)(_.*)?
        (.*_)?(hospital_stay|length_of_stay|los|discharge)(_.*)?""",
    "a shortcut": r"""
        (.*_)?(site|cent(re|er)|hospital|institution|scanner|manufacturer|vendor|batch|kvp|kernel|device|protocol)(_.*)?
        (.*_)?(id|mrn|accession|name|date|dob|uid|visit|fold|split|series|path|file|image|mask)|no|nr|number|index""",
}
_REASONS = [(why, re.compile("|".join(patterns.split()), re.ASCII)) for why, patterns in _PATTERNS.items()]


def reason_to_leave_out(column: str) -> str | None:
    """Say why a column must not be an input; None if it may be."""
    if recognise(column):  # PT is the prothrombin time, not the stage of the tumour
        return None
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column)  # bloodLoss; not the middle of MVI or HBsAg's first letters
    names = {re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") for text in (column, plain)}
    return next((why for why, pattern in _REASONS if any(pattern.fullmatch(name) for name in names)), None)
