"""The boxes of the flow diagram."""

from __future__ import annotations

from fusekit.report.page.flow import flow_of

FLOW = {
    "found": {"scans": 210, "subjects": None},
    "dropped": [
        {"reason": "scans without a diagnosis", "code": "scan-without-diagnosis", "scans": 7, "subjects": None},
        {"reason": "subjects with another disease", "code": "other", "scans": None, "subjects": 1},
        {"reason": "not counted", "code": "x", "scans": None, "subjects": None},
    ],
    "kept": {"scans": 180, "subjects": 120, "slices": 1800},
    # The first as older runs have it.
    "folds": [{"fold": 0, "CN": 12, "AD": 12}, {"fold": 1, "subjects": {"CN": 12, "AD": 11}}],
}


def test_boxes_say_what_was_counted_and_nothing_else() -> None:
    flow = flow_of(FLOW, ["CN", "AD"], {0})
    assert flow is not None
    assert flow["found"] == "210 scans"
    assert flow["kept"] == "1,800 slices of 180 scans of 120 subjects"
    assert [tuple(one.values()) for one in flow["left"]] == [
        ("scans without a diagnosis", "7 scans"),
        ("subjects with another disease", "1 subject"),
        ("not counted", ""),
    ]
    assert [tuple(fold.values()) for fold in flow["folds"]] == [
        ("Fold 1", "24 subjects", ["12 CN", "12 AD"], True),
        ("Fold 2", "23 subjects", ["12 CN", "11 AD"], False),
    ]


def test_a_manifest_without_a_flow_has_no_diagram() -> None:
    assert flow_of({}, ["CN", "AD"], {0}) is None
