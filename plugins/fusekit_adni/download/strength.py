"""The field strength at which an image was acquired, read only where a visit has several images."""

from __future__ import annotations

import re
from pathlib import Path

from fusekit.data import read_dataset
from fusekit_adni.download.images import Image

#: Of a sidecar nothing else is read: it also holds test scores.
_PROTOCOL = re.compile(r'term="Field Strength"\s*>\s*(\d+(?:\.\d+)?)\s*<')

#: How far a scanner's own figure may lie from the nominal one, e.g. 1.494 T.
_TOLERANCE = 0.3


def field_strength(image: Image, sidecars: dict[int, Path]) -> float | None:
    """Tesla, from the DICOM header or the archive's sidecar; None where neither says it."""
    if image.path.is_dir():
        first = min(path for path in image.path.iterdir() if path.suffix.lower() == ".dcm")
        try:
            tesla = read_dataset(first, keywords=("MagneticFieldStrength",)).get("MagneticFieldStrength")
            return None if tesla is None else float(tesla)
        except Exception:  # noqa: BLE001  (reading the pixels later refuses a damaged file by name)
            return None
    sidecar = sidecars.get(image.number)
    found = sidecar and _PROTOCOL.search(sidecar.read_text(encoding="utf-8", errors="replace"))
    return float(found[1]) if found else None


def is_expected(tesla: float | None, phase: str) -> bool:
    """Whether it is the study's main field strength: 1.5 T in the phase ADNI1, 3 T in the later ones."""
    return tesla is not None and bool(phase) and abs(tesla - (1.5 if phase == "ADNI1" else 3.0)) < _TOLERANCE
