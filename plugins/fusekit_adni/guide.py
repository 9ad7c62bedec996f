"""``fusekit adni-guide``: what of an ADNI download a folder has, what is missing, and where the archive has it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from fusekit_adni.download.layouts import Contents


def adni_guide(
    folder: Annotated[Path, typer.Argument(help="Folder of your download; it may be empty.", show_default=False)],
) -> None:
    """Say what of an ADNI download is in a folder, what each task still needs, and where in the archive it is found.

    Nothing is changed, and no image is opened.
    """
    from fusekit.errors import DataError
    from fusekit.progress import Bars
    from fusekit.terminal import Terminal
    from fusekit_adni.download.layouts import look

    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder.")
    print_guide(look(folder, progress=Bars()), Terminal())


def print_guide(contents: Contents, console: Console) -> None:
    """Print what is there, what is missing, and what that means for each task."""
    from rich.table import Table

    from fusekit.terminal import styled
    from fusekit_adni.tables.archive import CLINICAL, PIECES, place

    def section(title: str, rows: dict[str, str], style: str = "bold") -> None:
        if rows:
            console.print(styled("\n", (title, style)))
            grid = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
            grid.add_column(max_width=24)
            grid.add_column(overflow="fold")
            for name, text in rows.items():
                grid.add_row(name, text)
            console.print(grid)

    known, unread = _diagnoses(contents)
    there = _there(contents, known)
    count = len(contents.survey.tables)
    said = "; ".join(contents.said.values()) or "no images"
    console.print(styled((contents.folder, "bold"), f": {said}; {count} table{'' if count == 1 else 's'} (.csv)"))
    section("There", {PIECES[name].what: text for name, text in there.items()})
    needed = [name for name, piece in PIECES.items() if piece.needed and name not in there]
    missing = {PIECES[name].what: place(name) for name in needed}
    more = [name for name in PIECES if name not in there and name not in needed]
    if not any(name in there for name in CLINICAL):
        missing["one clinical table"] = f"any of those below, such as {place('people')}"
    section("Missing; no task runs without", missing, "bold red")
    section("Not there; read where it is", {PIECES[name].what: place(name) for name in more})
    section("Look at", unread | _odd(contents), "bold yellow")
    section("Tasks", _tasks([*missing, *unread], known))
    if not (missing or unread):
        console.print(styled(f"\nNext: fusekit check adni-ad --data {contents.folder}"), soft_wrap=True)


def _diagnoses(contents: Contents) -> tuple[pd.DataFrame | None, dict[str, str]]:
    """The diagnoses of study tables, as ``labels.diagnosis`` reads them; and what cannot be read, with the reason."""
    from fusekit.errors import DataError
    from fusekit_adni.labels.diagnosis import diagnoses
    from fusekit_adni.tables.archive import archive
    from fusekit_adni.tables.study import read_study_table

    paths = contents.survey.tables
    try:
        merged = read_study_table("ADNIMERGE", paths, (), [])
        dxsum = read_study_table("DXSUM", paths, (), [], also=archive()["DXSUM"].also)
        return (None if merged is None and dxsum is None else diagnoses(dxsum, merged, [])), {}
    except DataError as error:
        return None, {"diagnoses cannot be read": str(error)}


def _there(contents: Contents, known: pd.DataFrame | None) -> dict[str, str]:
    """Pieces of ``archive.PIECES`` that are there, with what there is of them."""
    from fusekit_adni.download.lists import is_list
    from fusekit_adni.tables.archive import PIECES, archive, find_table, undated

    paths, there = contents.survey.tables, {}
    if images := [f"{len(each.images)} images of {len(each.subjects)} subjects" for each in contents.found.values()]:
        there["images"] = "; ".join(images)
    if listed := [undated(path) for path in paths if is_list(path)]:
        there["lists"] = ", ".join(listed)
    for name, piece in PIECES.items():
        found = [find_table(table, paths, archive()[table].also)[0] for table in piece.tables]
        files = [path.name for path in found if path]
        if files and name == "spinal" and len(files) > 1:  # one scale only
            files = [f"{files[0]}; on another scale, and not read beside it: {', '.join(files[1:])}"]
        if files:
            there[name] = ", ".join(files)
    own = [path for each in contents.found.values() for path in (*each.participants, *each.sessions)]
    if own:
        for name in ("diagnosis", "people"):
            there.setdefault(name, "the BIDS tree's own participants.tsv and sessions.tsv")
    if known is not None:
        visits = f"{len(known)} visits of {known.index.get_level_values('rid').nunique()} subjects"
        there["diagnosis"] = f"{visits}, in {there['diagnosis']}"
    order = [name for name in PIECES if name in there]
    return {name: there[name] for name in order}


def _odd(contents: Contents) -> dict[str, str]:
    """What lies in the folder and is not read by itself."""
    from fusekit.data import Finding
    from fusekit.errors import first_ten
    from fusekit_adni.download.lists import is_list
    from fusekit_adni.tables.archive import archive, find_table, note_unread, undated

    paths, findings = contents.survey.tables, list[Finding]()
    note_unread(paths, findings, others=contents.survey.others)
    said = "so its columns or its name say; rename it if it is, for it is not read"
    odd = {Path(item).name: said for finding in findings for item in finding.items}
    if len(contents.found) > 1:
        odd["several layouts"] = f"say which one to read: --layout {' or --layout '.join(contents.found)}"
    names = [name for table in archive().values() for name in table.names]
    read = {path for name in names for newest, older in [find_table(name, paths)] for path in (newest, *older)}
    if others := sorted({undated(path) for path in paths if path not in read and not is_list(path)}):
        odd["other tables"] = f"{first_ten(others)}. Not read by themselves; --clinical columns.toml names any of them."
    if archives := list(contents.tree.archives):
        odd["archives"] = f"{first_ten(path.name for path in archives)}. Never opened: unpack those that you need."
    return odd


def _tasks(missing: list[str], known: pd.DataFrame | None) -> dict[str, str]:
    from fusekit_adni.labels.visits import months

    if missing:
        text = f"cannot run yet: {'; '.join(missing)}"
        return {"adni-ad": text, "mci-converter": text}
    said = {"adni-ad": "has what it needs", "mci-converter": "has what it needs"}
    if known is not None:
        by_visit = known["diagnosis"].reset_index()
        first = by_visit[by_visit["visit"] == "bl"].set_index("rid")["diagnosis"]
        counts = ", ".join(f"{count} {name}" for name, count in first.value_counts().sort_index().items())
        said["adni-ad"] += f"; at baseline {counts or 'no diagnosis'}"
        last = by_visit.assign(month=by_visit["visit"].map(months)).groupby("rid")["month"].max()
        mci = first.index[first == "MCI"]
        followed = f"{(last[mci] >= 36).sum()} of {len(mci)} with MCI"
        said["mci-converter"] += f"; {followed} have a diagnosis at month 36 or later"
    return said
