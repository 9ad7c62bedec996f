import pytest

from fusekit.data.own.attributes import ATTRIBUTES, recognise


def test_there_are_the_papers_29() -> None:
    assert len(ATTRIBUTES) == len({attribute.name for attribute in ATTRIBUTES}) == 29


@pytest.mark.parametrize(
    ("written", "name", "factor", "logged"),
    [
        ("AFP", "AFP", 1, False),
        ("afp_ng_ml", "AFP", 1, False),
        ("AFP (\u00b5g/L)", "AFP", 1, False),
        ("Alpha-fetoprotein [IU/mL]", "AFP", 1.21, False),
        ("\u03b1-fetoprotein", "AFP", 1, False),
        ("log10 AFP", "AFP", 1, True),
        ("HBV-DNA (log10 IU/mL)", "HBV_DNA", 1, True),
        ("HBV DNA log", "HBV_DNA", 1, True),
        ("HBV-DNA, copies/mL", "HBV_DNA", 1 / 5.6, False),
        ("hbv_dna", "HBV_DNA", 1, False),
        ("creatinine (mg/dL)", "creatinine", 88.42, False),
        ("Creatinine umol/L", "creatinine", 1, False),
        ("Cr (\u03bcmol/L)", "creatinine", 1, False),
        ("Total bilirubin (mg/dL)", "TBIL", 17.1, False),
        ("ALB (g/dL)", "ALB", 10, False),
        ("Glucose mg/dl", "glucose", 1 / 18.016, False),
        ("Tumor size (mm)", "tumour_diameter", 0.1, False),
        ("CA 19-9", "CA19_9", 1, False),
        ("PLT (10^9/L)", "PLT", 1, False),
        ("Age", "age", 1, False),
        ("male", "sex", 1, False),
        ("Child-Pugh", "Child_Pugh", 1, False),
        ("\u03b3-GT (U/L)", "GGT", 1, False),
    ],
)
def test_names_are_understood_as_hospitals_write_them(written: str, name: str, factor: float, logged: bool) -> None:
    known = recognise(written)
    assert known is not None
    assert (known.attribute.name, known.logged) == (name, logged)
    assert known.factor == pytest.approx(factor)


@pytest.mark.parametrize(
    "written", ["creatinine (furlongs)", "log10 ALT", "preAFP", "AFP ratio", "mvi", "", "mg/dL", "smoking", "ALT/AST"]
)
def test_other_names_and_units_are_not_guessed(written: str) -> None:
    assert recognise(written) is None


def test_no_name_means_two_attributes() -> None:
    names = [name for attribute in ATTRIBUTES for name in attribute.names]
    assert len(names) == len(set(names))
