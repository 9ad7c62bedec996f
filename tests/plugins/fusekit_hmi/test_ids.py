import pytest

from fusekit_hmi.ids import ids_in


def _ids(*ids: str) -> dict[str, str]:
    return {name.lower(): name for name in ids}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("images/HMI-1/series2/x", ["HMI-1"]),
        ("images/hmi-1/x", ["HMI-1"]),
        ("7/2/slice", ["7"]),  # the topmost folder
        ("images/7_2", ["7"]),  # the beginning
        ("CT_7_art", ["7"]),
        ("P12", []),
        ("P1-2_img", ["P1-2"]),
        ("P1_img", ["P1"]),
        ("art/xHMI-1", []),
        ("ct HMI-1 phase 7", ["7", "HMI-1"]),  # nobody can tell
        ("HMI-1_phase_7", ["HMI-1"]),
        ("0007", []),  # leading zeros count
        ("", []),
    ],
)
def test_a_path_names_a_patient(path: str, expected: list[str]) -> None:
    assert ids_in(path.split("/"), _ids("HMI-1", "7", "2", "P1", "P1-2")) == expected


def test_a_long_name_ends() -> None:
    assert ids_in(["a_" * 5000 + "7"], _ids("7")) == []
