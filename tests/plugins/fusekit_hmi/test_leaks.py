import pytest

from fusekit.data.own.attributes import ATTRIBUTES
from fusekit_hmi.leaks import reason_to_leave_out

LEAKS = {
    "the label, or made from it": [
        "mvi",
        "MVI grade",
        "MVI",
        "microvascular_invasion",
        "Microvascular invasion (path)",
    ],
    "read off the resected tissue": [
        *(
            "Edmondson grade",
            "edmondson_steiner",
            "differentiation",
            "satellite nodules",
            "Capsule",
            "capsular invasion",
        ),
        *("pathology_capsule", "Ki-67", "CK19 (IHC)", "tumour grade", "histological type", "resection margin (mm)"),
    ],
    "a stage that includes vascular invasion": [
        *("TNM stage", "pTNM", "AJCC 8th", "T stage", "pT_stage", "pN", "CNLC stage"),
    ],
    "the future": ["recurrence", "Early recurrence", "RFS (months)", "OS", "DFS_event", "survival status", "death"],
    "known only in the operation or after it": [
        *("blood loss (mL)", "bloodLoss", "transfusion", "operation time", "postoperative ALT", "hospital stay (d)"),
        "adjuvant TACE",
    ],
    "a shortcut": [
        "hospital",
        "Center",
        "scanner",
        "CT date",
        "patient_id",
        "image",
        "kVp",
        "study date",
        "no",
        "name",
    ],
}


@pytest.mark.parametrize(("reason", "columns"), LEAKS.items())
def test_what_gives_the_answer_away_is_left_out_with_the_reason(reason: str, columns: list[str]) -> None:
    assert {column: reason_to_leave_out(column) for column in columns} == dict.fromkeys(columns, reason)


def test_what_is_known_before_the_operation_may_be_an_input() -> None:
    allowed = [attribute.name for attribute in ATTRIBUTES]
    allowed += [f"{name} ({attribute.unit})" for name, attribute in zip(allowed, ATTRIBUTES, strict=True)]
    allowed += ["AFP censored", "smoking", "tumour number", "BCLC stage", "ascites", "previous_bleeding", "portal_vein"]
    allowed += ["irregular margin", "peritumoral enhancement", "PIVKA-II", "NLR", "pt", "diabetes", "neoadjuvant TACE"]
    assert {name: reason_to_leave_out(name) for name in allowed} == dict.fromkeys(allowed)
