"""What ``bundle.json`` holds, format by format."""

from fusekit.bundle.formats.current import FORMATS, Format7
from fusekit.bundle.formats.parts import BASELINE, DESCRIPTION, NETWORK, PRIOR, WEIGHTS
from fusekit.bundle.formats.read import (
    Average,
    Classical,
    Description,
    Network,
    bundle_folder,
    read_description,
)

__all__ = [
    "BASELINE",
    "DESCRIPTION",
    "FORMATS",
    "NETWORK",
    "PRIOR",
    "WEIGHTS",
    "Average",
    "Classical",
    "Description",
    "Format7",
    "Network",
    "bundle_folder",
    "read_description",
]
