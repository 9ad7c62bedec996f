import re
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusekit.data import Cohort
from fusekit.progress import Quiet
from fusekit_adni.synthetic.subjects import Strengths, draw_subjects
from fusekit_adni.synthetic.tables import visit_date, write_tables, yearly_visits
from fusekit_adni.task import AdniAdTask


def _read(folder: Path, name: str) -> pd.DataFrame:
    (path,) = (folder / "Study_Data").glob(f"{name}_*.csv")
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def _distances(values: pd.DataFrame, label: pd.Series) -> pd.Series:
    """Difference of the means of AD and CN, in its standard errors."""
    ill, well = values[label == 1], values[label == 0]
    noise = ill.var() / ill.notna().sum() + well.var() / well.notna().sum()
    return ((ill.mean() - well.mean()) / noise.pow(0.5))[noise > 0]


@pytest.fixture(scope="module")
def cohorts(many: Path, null: Path) -> dict[str, Cohort]:
    task = AdniAdTask(visits="baseline")
    return {"many": task.scan(many, Quiet()), "null": task.scan(null, Quiet())}


def _numbers(cohort: Cohort) -> pd.DataFrame:
    return cohort.clinical.assign(PTGENDER=cohort.clinical["PTGENDER"] == "Male").astype(float)


def test_without_effects_no_input_depends_on_the_diagnosis(cohorts: dict[str, Cohort]) -> None:
    distances = _distances(_numbers(cohorts["null"]), cohorts["null"].scans["label"])
    assert len(distances) > 230
    assert distances.abs().max() < 4.2, distances.abs().nlargest(3)


def test_with_effects_the_promised_inputs_do(cohorts: dict[str, Cohort]) -> None:
    distances = _distances(_numbers(cohorts["many"]), cohorts["many"].scans["label"])
    assert distances["ABETA"] < -8
    assert (distances[["TAU", "PTAU", "PLASMA_NFL", "APOE4"]] > 8).all()
    others = distances.drop(["ABETA", "ABETA censored", "TAU", "TAU censored", "PTAU", "PTAU censored"])
    others = others.drop(["PLASMA_NFL", "PLASMA_NFL censored", "APOE4"])
    assert 10 <= (others.abs() > 4.2).sum() <= 12  # the twelve analytes, of which one or two may hide in the noise


@pytest.mark.parametrize("kind", ["many", "null"])
def test_who_lacks_a_value_does_not_depend_on_the_diagnosis(cohorts: dict[str, Cohort], kind: str) -> None:
    cohort = cohorts[kind]
    missing = cohort.clinical.isna().astype(float)
    assert missing["ABETA"].mean() == pytest.approx(0.5, abs=0.05)
    assert missing["PLASMA_NFL"].mean() == pytest.approx(0.15, abs=0.05)
    assert _distances(missing, cohort.scans["label"]).abs().max() < 4.2


def test_an_assay_s_level_is_the_same_in_cohorts_of_other_seeds(tmp_path: Path) -> None:
    levels = []
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        people = draw_subjects(rng, 200, Strengths()).assign(baseline=date(2006, 1, 1), entered="ADNI1")
        write_tables(rng, people, yearly_visits(people), tmp_path / str(seed))
        (path,) = (tmp_path / str(seed)).glob("adni_plasma_qc*.csv")
        table = pd.read_csv(path, na_values=".").drop(columns=["RID", "Visit_Code"])
        levels.append(table.median())
    assert levels[0].std() > 0.8  # analytes differ among themselves by far more than
    assert (levels[0] - levels[1]).abs().max() < 0.15  # one of them does between cohorts


def test_the_visits_are_months_of_30_4_days() -> None:
    assert [visit_date(date(2006, 1, 1), visit) for visit in ("bl", "m06", "m12")] == [
        date(2006, 1, 1),
        date(2006, 7, 2),
        date(2007, 1, 1),
    ]


def test_the_csf_table_has_medians_batches_and_censored_values(many: Path) -> None:
    table = _read(many, "UPENNBIOMK_MASTER")
    medians = table[table["BATCH"] == "MEDIAN"]
    assert set(table["BATCH"]) == {"MEDIAN", "UPENNBIOMK", "UPENNBIOMK2"}
    assert medians["RID"].is_unique
    batch = table[table["BATCH"] == "UPENNBIOMK"].set_index("RID")["TAU"]
    both = pd.concat([medians.set_index("RID")["TAU"], batch], axis=1, join="inner").astype(str)
    assert (both.iloc[:, 0] != both.iloc[:, 1]).mean() > 0.9
    assert {"<8", "<30"} <= {cell for name in ("TAU", "PTAU") for cell in table[name] if cell[0] == "<"}
    assert {">250", ">120", ">300"} & {cell for name in ("ABETA", "TAU", "PTAU") for cell in table[name]}


def test_the_other_assays_table_is_there_on_its_own_scale(many: Path) -> None:
    other = pd.to_numeric(_read(many, "UPENNBIOMK9")["ABETA"], errors="coerce")
    assert other.median() > 2 * pd.to_numeric(_read(many, "UPENNBIOMK_MASTER")["ABETA"], errors="coerce").median()


def test_diagnoses_are_entered_twice_for_some_visits_alike(many: Path) -> None:
    table = _read(many, "DXSUM_PDXCONV_ADNIALL")
    repeated = table[table.duplicated(["RID", "VISCODE"])]
    assert 0.01 < len(repeated) / len(table) < 0.03
    assert table.duplicated().sum() == len(repeated)


def test_codes_for_missing_values_are_in_the_laboratory_table(many: Path) -> None:
    cells = _read(many, "LABDATA").iloc[:, 4:]
    text = [cell for cell in cells.to_numpy().ravel() if not re.fullmatch(r"\d+\.\d+", cell)]
    assert set(text) == {"SCC09", "", ".", "-4", "-1", "n/a"}
    assert len(text) / cells.size == pytest.approx(0.03, abs=0.005)


def test_minus_one_and_minus_four_are_possible_values_of_the_analytes(many: Path) -> None:
    table = _read(many, "adni_plasma_qc_multiplex").drop(columns=["RID", "Visit_Code"])
    assert table.shape[1] == 190
    values = table.apply(pd.to_numeric, errors="coerce")
    assert (values < 0).to_numpy().any()
    assert (table == ".").to_numpy().mean() == pytest.approx(0.01, abs=0.003)
    assert values.isna().to_numpy().sum() == (table == ".").to_numpy().sum()


def test_plasma_nfl_has_values_below_the_range(many: Path) -> None:
    assert "<LLOQ" in set(_read(many, "BLENNOWPLASMANFL")["PLASMA_NFL"])


def test_adnimerge_holds_the_columns_that_a_reader_must_not_use(many: Path) -> None:
    table = _read(many, "ADNIMERGE")
    assert {"MMSE", "CDRSB", "ADAS11", "LDELTOTAL", "FAQ", "DX", "DX_bl", "SITE", "FLDSTRENG"} <= set(table)
    assert (table["DX"] == "").mean() == pytest.approx(0.02, abs=0.01)
    assert "Unknown" in set(table["PTETHCAT"])
    mmse = table[table["VISCODE"] == "bl"].astype({"MMSE": float}).groupby("DX_bl")["MMSE"].mean()
    assert mmse["CN"] == pytest.approx(28.9, abs=0.4)
    assert mmse["AD"] == pytest.approx(23.3, abs=0.4)


def test_every_table_carries_its_date_in_its_name(many: Path) -> None:
    names = [path.name for path in (many / "Study_Data").iterdir()]
    assert len(names) == 8
    assert all(re.search(r"_\d{1,2}[A-Z][a-z]{2}\d{4}\.csv$", name) for name in names)
