import pytest

from fusekit_adni.labels.leaks import reason_to_leave_out
from fusekit_adni.synthetic.tables import ANALYTE_NAMES, LAB_CODES

GIVE_AWAY = {
    "the label, or the future": "DX DX_bl DXCURREN DXCHANGE DXCONV DXCONTYP DXREV DXNORM DIAGNOSIS diagnosis_sc "
    "Group ARM PTADDX event time BL_DX",
    "a criterion of the diagnosis": "MMSE MMSE_bl mmse_bl BL-MMSE MMSCORE CDRSB CDR_SB_bl CDGLOBAL CDMEMORY "
    "LDELTOTAL LDELTOTAL_BL LIMMTOTAL FAQ FAQTOTAL",
    "a cognitive score close to the criteria": "ADAS11 ADAS13 ADASQ4 ADAS13_bl TOTAL11 TOTAL13 RAVLT_immediate "
    "RAVLT_perc_forgetting_bl MOCA mPACCdigit mPACCtrailsB EcogPtMem EcogSPTotal_bl TRABSCOR DIGITSCOR NPISCORE NPI",
    "a treatment": "KEYMED donepezil_dose on_memantine Aricept",
    "a shortcut": "SITE SITEID RID PTID IMAGEUID EXAMDATE EXAMDATE_bl RUNDATE USERDATE2 update_stamp M Month Month_bl "
    "Years_bl COLPROT FLDSTRENG FLDSTRENG_bl FSVERSION BATCH KIT VISCODE2 Visit_Code PHASE",
}
FINE = (
    "ABETA TAU PTAU PLASMA_NFL AGE PTGENDER PTEDUCAT APOE4 FDG AV45 Hippocampus Hippocampus_bl Ventricles ICV "
    "AXT117 BAT126 HMT40 RCT20 Immunoglobulin_M_IGM CD163 CD40 CD5L Prothrombin_time_s Kit_Ligand ADA2 Thymus_M_x"
)


@pytest.mark.parametrize(("reason", "column"), [(r, c) for r, names in GIVE_AWAY.items() for c in names.split()])
def test_columns_that_give_the_diagnosis_away_are_known_with_the_reason(reason: str, column: str) -> None:
    assert reason_to_leave_out(column) == reason


def test_names_of_two_words() -> None:
    assert reason_to_leave_out("Research Group") == "the label, or the future"


def test_measurements_are_not_mistaken_for_them() -> None:
    names = [*FINE.split(), *LAB_CODES, *ANALYTE_NAMES]
    assert {name: reason for name in names if (reason := reason_to_leave_out(name))} == {}
