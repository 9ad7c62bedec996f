"""What describes a scan rather than predicts: site, sex, phase, field strength."""

from itertools import product

import pandas as pd

from fusekit.data import Finding
from fusekit.data.own.problems import note
from fusekit_adni.tables.study import StudyTable

#: Name in the cohort, and its columns in one table or another.
_DESCRIPTIONS = {
    "site": ("SITE",),
    "sex": ("PTGENDER", "sex"),
    "phase": ("COLPROT", "Phase", "PHASE"),
    "origin": ("ORIGPROT",),
    "field_strength": ("FLDSTRENG",),
}
PHASE = _DESCRIPTIONS["phase"]
#: Of the study, in their order.
PHASES = ("ADNI1", "ADNIGO", "ADNI2", "ADNI3", "ADNI4")


def described(scans: pd.DataFrame, tables: list[StudyTable]) -> pd.DataFrame:
    """Scans with the columns of ``_DESCRIPTIONS`` that any table has; "" where it has no value. All have a site."""
    there = {column for table in tables for column in table.rows}
    known = {name: columns for name, columns in _DESCRIPTIONS.items() if there & {*columns}}
    scans = scans.assign(**{name: at_visits(scans, tables, columns) for name, columns in known.items()})
    if "phase" in scans and not ("origin" in scans or any(table.name == "ADNIMERGE" for table in tables)):
        scans = scans.assign(origin=_first_phase(scans, tables))
    return scans if "site" in scans else scans.assign(site=_site(scans, tables))


def at_visits(scans: pd.DataFrame, tables: list[StudyTable], columns: tuple[str, ...]) -> pd.Series:
    """What the first table with a value in one of its columns says of each scan's visit, as phase; "" if none has."""
    known = pd.Series("", index=scans.index, dtype=object)
    for table, column in product(tables, columns):
        if column in table.rows:
            rows = table.rows[table.rows[column] != ""]
            visits = rows.dropna(subset=["visit"]).drop_duplicates(["rid", "visit"]).set_index(["rid", "visit"])
            here = visits[column].reindex(pd.MultiIndex.from_frame(scans[["rid", "visit"]])).set_axis(scans.index)
            # A table need not have every visit: what never changes for a subject is true of all of them.
            ever = rows.groupby("rid")[column].agg(["min", "max"])
            always = scans["rid"].map(ever.loc[ever["min"] == ever["max"], "min"])
            known = known.where(known != "", here.fillna(always).fillna(""))
    return known


def _first_phase(scans: pd.DataFrame, tables: list[StudyTable]) -> pd.Series:
    """The first phase in which a table has a row of the subject: that of enrolment; "" where none is known."""
    seen = [table.rows.set_index("rid")[name].str.upper() for table in tables for name in PHASE if name in table.rows]
    order = pd.concat(seen).map({phase: number for number, phase in enumerate(PHASES)}).dropna()
    first = order.groupby(level=0).min().map(lambda number: PHASES[int(number)])
    return scans["rid"].map(first).fillna("").astype(object)


def _site(scans: pd.DataFrame, tables: list[StudyTable]) -> pd.Series:
    """SITEID where every scan has one, else the digits that begin a PTID: the two number the same sites differently."""
    site = at_visits(scans, tables, ("SITEID",))
    return scans["subject"].str[:3] if (site == "").any() else site


def with_field_strength(scans: pd.DataFrame, listed: pd.DataFrame, findings: list[Finding]) -> pd.DataFrame:
    """The field strength that an image list says of the image, else a table of the visit, else the phase's protocol.

    The protocol counts only where a list says the field strength of some image. Scans have the column number, of the
    image, and ``listed`` is what ``scans.listed_images`` returns.
    """
    tesla = scans["number"].map(listed["tesla"])
    if tesla.isna().all():
        return scans
    own = tesla.map("{:g} Tesla MRI".format).where(tesla.notna(), "")
    known = scans["field_strength"] if "field_strength" in scans else pd.Series("", index=scans.index)
    known = own.where(own != "", known)
    unknown = known == ""
    if "phase" in scans:
        protocol = scans["phase"].map(lambda phase: phase and f"{1.5 if phase == 'ADNI1' else 3:g} Tesla MRI")
        known = known.where(~unknown, protocol)
    message = "scans whose field strength no list or table says; the protocol's is taken: 1.5 T in ADNI1, 3 T later"
    note(findings, "field-strength-assumed", message, scans.index[unknown & (known != "")])
    return scans.assign(field_strength=known)
