"""DICOM series: what a folder of files holds, by their headers, and which volume of it is wanted."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from fusekit.data.cohort import Finding
from fusekit.data.images.dicom.files import is_dicom
from fusekit.data.images.dicom.frames import TRAITS, Frame
from fusekit.data.images.dicom.headers import Header, header_of, headers_in
from fusekit.data.images.dicom.volumes import choices, fits, how_to_choose, parted
from fusekit.data.own.problems import note
from fusekit.errors import DataError, OptionError, first_ten

#: What to do where there are several.
CHOOSE = (
    "Choose one by a part of its description, or of the file's or folder's name: -o task.series=TEXT, or in a TOML "
    'series = "TEXT".'
)
_LOCALISER = re.compile(r"locali[sz]er|scout|topogram|surview|scanogram", re.IGNORECASE)


@dataclass(frozen=True)
class Image:
    """An image: a file, the folder of a DICOM volume, or one of its files where the folder holds others too."""

    path: Path
    description: str = ""
    patient: str = ""
    scanner: str = ""
    picture: bool = False  # a DICOM file that has no place in the body
    problem: str = ""  # a sentence: why it cannot be taken
    unfit: bool = False  # whether that is because it has no volume of the chosen values

    def shown(self, folder: Path) -> str:
        """As messages have it."""
        path = self.path.relative_to(folder).as_posix()
        return f"{path} [{self.description}]" if self.description else path


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which DICOM series to take, and which of its volumes.

    Args:
        name: part of the series' description or of its file's or folder's name.
        modality: empty for any.
        choose: attributes and their values, such as ``(("EchoTime", 4.6),)``: those of the volume's slices.
    """

    name: str = ""
    modality: str = ""
    choose: tuple[tuple[str, str | float], ...] = ()

    def among(self, images: Sequence[Image], folder: Path) -> list[Image]:
        """Those whose description, or path below the data folder, holds the name, in any case, and that are fit."""
        return [image for image in images if self.name.lower() in image.shown(folder).lower() and not image.unfit]

    def as_json(self) -> dict[str, Any]:
        """For manifests and bundles."""
        return {"name": self.name, "modality": self.modality, "choose": dict(self.choose)}

    @classmethod
    def of_json(cls, made: Mapping[str, Any]) -> Self:
        """What ``as_json`` made."""
        return cls(made["name"], made["modality"], tuple(dict(made["choose"]).items()))

    def __str__(self) -> str:
        values = " and ".join(f"{name} {value}" for name, value in self.choose)
        return f" called {self.name!r}" * bool(self.name) + f" with {values}" * bool(values)


def choice(text: str) -> tuple[str, str]:
    """An attribute and its value of ``NAME=VALUE``; OptionError if it is none that tells volumes apart."""
    name, _, value = text.partition("=")
    if name not in TRAITS or not value:
        raise OptionError(
            f"task.choose takes NAME=VALUE, not {text!r}; these names tell volumes apart: {', '.join(TRAITS)}."
        )
    return name, value


def series_in(folder: Path, files: Sequence[Path], wanted: Wanted, findings: list[Finding]) -> list[Image]:
    """The images of a folder's DICOM files: of each series its volume, the chosen one of several, and each picture.

    Localisers and other modalities are left out, and noted; so are files that cannot be read, beside others that can.
    DataError: no file can be read.
    """
    groups: dict[str, list[Header]] = {}
    unread: list[DataError] = []
    known = headers_in(folder)
    for file in files:
        header = known.get(file)
        if isinstance(header, DataError):
            unread.append(header)
        elif header is not None:
            groups.setdefault(header.series + f" {file}" * header.picture, []).append(header)
    if unread and not groups:
        raise unread[0]
    kept, localisers, others, modality = [], [], [], wanted.modality
    for members in groups.values():
        first, texts = members[0], members[0].texts
        shown = f"{first.path}: {texts['SeriesDescription'] or 'no description'} ({len(members)} files)"
        if not first.image or (modality and (first.picture or texts["Modality"] not in (modality, ""))):
            others.append(f"{shown}, {texts['Modality']}")
        elif _LOCALISER.search(texts["ImageType"]) or _LOCALISER.search(texts["SeriesDescription"]):
            localisers.append(shown)
        else:
            kept.append(_image(folder, members, wanted, alone=len(groups) == 1))
    note(findings, "localiser", "localisers, not used", localisers)
    message = f"DICOM series that are no {modality} images, not used".replace("  ", " ")
    note(findings, "other-modality", message, others)
    message = "DICOM files that cannot be read, beside others that can"
    note(findings, "unread-file", message, unread, severity="warning", advice="Get them again, or take them away.")
    return kept


def _image(folder: Path, members: Sequence[Header], wanted: Wanted, *, alone: bool) -> Image:
    """A series' volume as an image, the chosen one of several; or a picture."""
    first, texts = members[0], members[0].texts
    scanner = f"{texts['Manufacturer']} {texts['ManufacturerModelName']}".strip()
    image = Image(first.path, texts["SeriesDescription"], texts["PatientID"], scanner, first.picture)
    slices = [] if any(header.refusal for header in members) else [f for header in members for f in header.frames]
    volumes = parted(slices)  # of a refused series none: its reader will say why
    if wanted.choose:
        fit = [volume for volume in volumes if fits(volume, wanted.choose)]
        if not fit:
            listed = choices(volumes) or "; ".join(_values(slices, name) for name, _ in wanted.choose)
            problem = f"{first.path}: the series holds no volume{replace(wanted, name='')}: {listed}."
            return replace(image, problem=problem, unfit=True)
    else:
        fit = volumes
    if len(fit) > 1:
        same = " of those values" * bool(wanted.choose)
        return replace(
            image,
            problem=f"{first.path}: the series holds {len(fit)} volumes{same}: {choices(fit)}. {how_to_choose(fit)}",
        )
    path = fit[0][0].path if fit else first.path
    if sum(any(frame.path == path for frame in volume) for volume in volumes) > 1:
        problem = (
            f"{path}: the file holds several volumes ({choices(volumes)}), which cannot be chosen from. Convert it "
        )
        return replace(image, problem=problem + "to NIfTI with dcm2niix, which writes a file for each.")
    return replace(image, path=folder if alone and len(volumes) < 2 and not first.picture else path)


def _values(frames: Sequence[Frame], name: str) -> str:
    return f"{name} {first_ten(sorted({frame.traits.get(name) or '(absent)' for frame in frames})) or '(absent)'}"


def of_folder(path: Path, wanted: Wanted, folder: Path, findings: list[Finding]) -> Image:
    """The one wanted volume of a folder of DICOM files; others are noted, and none or several refused with a clause."""
    name = path.relative_to(folder).as_posix()
    files = [file for file in sorted(path.iterdir()) if is_dicom(file)]
    if not files:
        raise DataError(f"the folder {name} holds no DICOM files itself; name the image.")
    there = series_in(path, files, wanted, findings)
    named = [image for image in there if wanted.name.lower() in image.description.lower()]
    chosen = [image for image in named if not image.unfit]
    if named and not chosen:
        raise DataError(first_ten(image.problem.removesuffix(".") for image in named) + ".")
    if not chosen:
        raise DataError(f"{name} holds no {wanted.modality} series{wanted}.".replace("  ", " "))
    if len(chosen) > 1:
        listed = first_ten(image.shown(folder) for image in chosen)
        raise DataError(f"{name} holds {len(chosen)} series{wanted}: {listed}. {CHOOSE}")
    if chosen[0].problem:
        raise DataError(chosen[0].problem)
    note_unused([image for image in there if image not in chosen], wanted, folder, findings)
    return chosen[0]


def refuse_unfit(path: Path, wanted: Wanted) -> None:
    """Refuse a DICOM file whose slices have other values than those that were chosen."""
    frames = header_of(path).frames if wanted.choose and is_dicom(path) else ()
    if not fits(frames, wanted.choose):
        values = "; ".join(_values(frames, name) for name, _ in wanted.choose)
        raise DataError(f"{path}: volumes{replace(wanted, name='')} are wanted, and the file has {values}.")


def as_trained(path: Path, asked: Mapping[str, Any] | None) -> Path:
    """The volume that a training would have taken of a patient's DICOM folder, as the path of a file of it.

    ``asked`` is what ``Wanted.as_json`` made; None asks for nothing. A folder with one volume is that volume, whatever
    it is called; attributes that the training chose by have to have the chosen values everywhere, or DataError.
    """
    if not asked or not (path.is_dir() or is_dicom(path)):
        return path
    wanted = Wanted.of_json(asked)
    if not path.is_dir():
        refuse_unfit(path, wanted)
        return path
    there = series_in(path, [file for file in sorted(path.iterdir()) if is_dicom(file)], wanted, [])
    if not there:
        return path  # its reader will say what is wrong
    fit = [image for image in there if not image.unfit]
    chosen = fit if len(fit) < 2 else wanted.among(fit, path.parent)
    if len(chosen) == 1 and not chosen[0].problem:
        return chosen[0].path
    problems = [image.problem for image in chosen or there if image.problem]
    listed = (
        problems[0] if problems else f"it holds {first_ten(image.shown(path.parent) for image in chosen or there)}."
    )
    raise DataError(f"{path}: the model was trained on volumes{wanted}: {listed}")


def note_unused(images: Sequence[Image], wanted: Wanted, folder: Path, findings: list[Finding]) -> None:
    """Note which images of subjects in use are not looked at."""
    message = f"further images of subjects in use, not{wanted if wanted.choose else f' called {wanted.name!r}'}"
    note(findings, "unused-series", message, [image.shown(folder) for image in images], dropped="scans", along=0)
