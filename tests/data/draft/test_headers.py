"""DICOM series whose folders are called otherwise than the table's ids: the headers say whose they are."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydicom.dataset import FileDataset

from fusekit.data.draft.draft import as_toml, draft
from fusekit.data.own.task import OwnTask
from fusekit.progress import Quiet
from tests.data.images.dicom.written import write


def hospital(folder: Path, patients: int = 6) -> Path:
    """A localiser and two series of each patient, but one of the last, in folders that glue a word to the number."""
    lines = ["Pat.-Nr.;Befund;Quick"]
    for number in range(patients):
        pid = f"{number + 1:05}"
        for k, text in enumerate(("Topogramm", "Abd portal", "Abd arteriell")):
            if number == patients - 1 and text == "Abd arteriell":
                continue
            uid = f"1.2.{number}.{k + 1}"

            def change(_: int, data: FileDataset, uid: str = uid, text: str = text, pid: str = pid) -> None:
                data.PatientID, data.SeriesDescription, data.SeriesInstanceUID = pid, text, uid
                data.Modality = "CT"

            (folder / f"PAT{pid}").mkdir(parents=True, exist_ok=True)
            write(folder / f"PAT{pid}" / f"{k + number} {text}", change=change)
        lines.append(f"{pid};{('benigne', 'maligne')[number % 2]};{80 + number % 4} %")
    (folder / "t.csv").write_text("\n".join(lines), "utf-8")
    return folder


def test_series_are_drafted_by_the_ids_in_their_headers_and_read_back(tmp_path: Path) -> None:
    made = draft(hospital(tmp_path / "data"))
    assert made.images is not None
    assert (made.images.text, made.images.is_id, made.images.rows) == ("Pat.-Nr.", True, 6)
    assert made.series == {"Abd portal": 6, "Abd arteriell": 5}  # no localiser
    assert "Abd portal" in made.first
    text = as_toml(made, "data")
    read = tomllib.loads(text)
    assert (read["images"], read["series"]) == ({"named_after": "Pat.-Nr."}, "Abd portal")
    assert '# series = "Abd arteriell" # 5 rows have it' in text
    assert read["columns"] == {"Quick": {"kind": "number", "unit": "%"}}
    (tmp_path / "my.toml").write_text(text, "utf-8")
    cohort = OwnTask(tmp_path / "my.toml").scan(tmp_path / "data", Quiet())
    assert len(cohort.scans) == 6
    assert all("Abd portal" in str(path) for path in cohort.scans["image"])
