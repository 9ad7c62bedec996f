"""The task ``hmi``: microvascular invasion of a liver tumour, from CT and what is known before the operation."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from fusekit.data import Cohort, Finding, Preset, Published, SlicePolicy, Task
from fusekit.data.absence import united
from fusekit.data.clinical.tables import read_table
from fusekit.data.own.attributes import NOTHING
from fusekit.data.own.cohort import Read, read_cohort
from fusekit.data.own.description import Named, OwnData
from fusekit.data.own.files import is_picture, look
from fusekit.data.own.images.series import Wanted, choice
from fusekit.data.own.problems import note
from fusekit.data.synthetic import quick
from fusekit.progress import Progress
from fusekit_hmi.columns import IMAGE, LABEL, MASK, SITE, SUBJECT, codes, column, find_table, inputs, needed
from fusekit_hmi.leaks import reason_to_leave_out

#: Axial slices in the liver's window: those with most tumour, else a part of the scan. Where every scan has a mask,
#: they are cut down to the tumour and 10 mm around it.
_PAPER = SlicePolicy(
    plane="axial",
    space="fraction",
    start=0.35,
    stop=0.65,
    largest=10,
    window=(400.0, 40.0),
    fit="pad",
    depth="float16",
    mask="auto",
)


class HmiTask(Task):
    """MVI present against absent in the resected tumour, as in Yang et al. 2021, section 3.3.

    Reads a folder that holds, at any depth, one clinical table and images: DICOM series or NIfTI volumes, with masks of
    the tumour or without, or pictures.

    Args:
        table: the clinical table's file name, where there are several.
        subject: its column of patients' ids; found by its usual names.
        label: its column of MVI; found by its usual names.
        series: a part of the description, file or folder name of the series to use, where patients have several.
        choose: of series with several volumes the one to use: attributes and values, e.g. ``ConvolutionKernel=B30f``.
        extra: further columns to use as inputs.
        sheet: the sheet of the table, if it is a workbook with several.
        join_ids: "alike" joins ids that only their spelling tells apart.
        without_image: what becomes of patients without an image: "leave out" or "keep".
    """

    title = "Microvascular invasion of a liver tumour, from CT and clinical values (positive: MVI present)"
    classes: tuple[str, ...] = ("MVI-", "MVI+")
    subgroups = ("sex", "age", "site", "scanner")
    published = Published.table(
        3,
        "Five-fold cross-validation on a private cohort of 139 patients, without intervals; the list of 29 clinical "
        "values is not published. By these figures 67 to 68 % are positive, and which class that is, is not said.",
        9.8,
        (71.18, 88.32, 34.76, 74.23, 48.57),
        (75.47, 90.09, 46.12, 77.24, 69.11),
        (79.17, 88.84, 58.91, 81.76, 78.89),
    )
    paper = Preset(slices=_PAPER)
    synthetic = quick(replace(_PAPER, largest=3, start=0.44, stop=0.56))
    preset = "paper"

    def __init__(
        self,
        *,
        table: str = "",
        subject: str = "",
        label: str = "",
        series: str = "",
        choose: tuple[str, ...] = (),
        extra: tuple[str, ...] = (),
        sheet: str = "",
        join_ids: Literal["exact", "alike"] = "exact",
        without_image: Literal["leave out", "keep"] = "leave out",
    ):
        self.table, self.subject, self.label, self.extra = table, subject, label, extra
        self.asked = Wanted(series, "CT", tuple(choice(text) for text in choose))
        self.sheet, self.join_ids = sheet, join_ids
        self.absent = united(["image"] * (without_image == "keep"))

    def scan(self, folder: Path, progress: Progress) -> Cohort:
        """Read a folder; refuse with file, line and column what cannot be read, distinguished or matched."""
        findings: list[Finding] = []
        own, site = self._describe(folder, find_table(look(folder), self.table), findings)
        return _as_usual(read_cohort(own, folder, progress, findings), site)

    def _describe(self, folder: Path, path: Path, findings: list[Finding]) -> tuple[OwnData, str | None]:
        """The table as a description of own data, and its column of sites, if there is one."""
        rows = read_table(path, sheet=self.sheet)
        subject = needed(rows, path, "who a row is about", "subject", self.subject, SUBJECT)
        label = needed(rows, path, "whether there is microvascular invasion", "label", self.label, LABEL)
        image, mask = column(rows, IMAGE), column(rows, MASK)
        absent, present, unknown = codes(rows[label], path)
        keys = [name for name in (subject, label, image, mask) if name]
        own = OwnData(
            path=path,
            folder=folder,
            title=self.title,
            table=path.relative_to(folder).as_posix(),
            sheet=self.sheet,
            join_alike=self.join_ids == "alike",
            images=image or Named(subject),
            masks=mask or Named(subject),
            series=self.asked,
            subject=subject,
            label=label,
            classes=dict(zip(self.classes, (absent, present), strict=True)),
            leave_out=unknown,
            columns=inputs(rows.columns.to_list(), path, keys, self.extra, findings),
            subgroups=self.subgroups,
            without_image="keep" if self.absent else "leave out empty",
            without_subject=True,
            blanks=NOTHING,
            metrics=self.metrics,
            preset=self.paper,
            advice="Write 0 or 1, absent or present, or M0, M1, M2.",
        )
        return own, column(rows, SITE)

    def synthesize(
        self,
        folder: Path,
        progress: Progress,
        *,
        seed: int = 0,
        subjects: int = 480,
        image_effect: float = 1.0,
        table_effect: float = 1.0,
        interaction: float = 1.0,
    ) -> None:
        """Write a synthetic cohort; see ``write_cohort`` for what the strengths mean."""
        from fusekit_hmi.synthetic.cohort import write_cohort
        from fusekit_hmi.synthetic.patients import Strengths

        strengths = Strengths(image_effect, table_effect, interaction)
        write_cohort(folder, progress, seed=seed, subjects=subjects, strengths=strengths)

    def describe(self) -> dict[str, Any]:
        """Also which DICOM series was asked for, and whether ids that are alike were joined."""
        joined = {"join_ids": "alike"} if self.join_ids == "alike" else {}
        return {**super().describe(), "series": {"image": self.asked.as_json()}, **joined}

    def reason_to_leave_out(self, column: str) -> str | None:
        """What only pathology, the operation or the future shows, and shortcuts; see ``fusekit_hmi.leaks``."""
        return reason_to_leave_out(column)


def _as_usual(read: Read, site: str | None) -> Cohort:
    """Groups by the task's own names, scans in the order of their names, and a warning about pictures."""
    cohort, cells = read
    findings = list(cohort.findings)
    note(
        findings,
        "picture-units",
        "pictures hold grey levels, not Hounsfield units, which the window counts in",
        [scan for scan, image in cohort.scans["image"].dropna().items() if is_picture(image)],
        severity="warning",
        advice="For pictures of 8 bits: -o slices.window=255,127.5",
    )
    groups: dict[str, list[Any]] = {
        "site": cells[site].to_list() if site else [],
        **{name: cohort.clinical[name].fillna("").to_list() for name in ("sex", "age") if name in cohort.clinical},
        **{name: cohort.scans[name].to_list() for name in cohort.groups},
    }
    kept = {name: values for name, values in groups.items() if any(values)}
    order = cohort.scans.index.sort_values()
    mask = {"mask": cohort.scans["mask"]} if "mask" in cohort.scans else {}
    return replace(
        cohort,
        scans=cohort.scans[["subject", "image", "label"]].assign(**kept, **mask).loc[order],
        clinical=cohort.clinical.loc[order],
        groups=tuple(kept),
        findings=tuple(findings),
    )
