"""What a run was made of: enough to run it again, and to see what changed if it comes out otherwise."""

import hashlib
import os
import platform
import sys
from importlib import metadata
from typing import Any

import numpy as np
import torch

from fusekit.data import Cohort
from fusekit.data.target.follow_up import label_columns
from fusekit.extension import catalog

#: Distributions whose version can change a number.
RECORDED = (
    *("fusekit", "torch", "timm", "numpy", "pandas", "scipy", "scikit-learn", "statsmodels"),
    *("nibabel", "pydicom", "nilearn", "lightning-fabric"),
)


def environment(device: torch.device) -> dict[str, Any]:
    """Versions, plugins and machine, as entries of a manifest."""
    return {"versions": versions(), "plugins": plugins(), "machine": machine(device)}


def versions() -> dict[str, str]:
    """Versions of Python and of everything that can change a number."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in RECORDED}}


def plugins() -> list[dict[str, str]]:
    """The loaded plugins with distribution and version."""
    loaded = catalog().host.plugins.values()
    return [{"name": p.name, "distribution": p.distribution, "version": p.version} for p in loaded]


def machine(device: torch.device) -> dict[str, Any]:
    """Where the run ran."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return {
        "device": str(device),
        "device_name": name,
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }


def fingerprint(cohort: Cohort, images: np.ndarray) -> dict[str, str]:
    """SHA-256 of what was trained on and tested, wherever it lies: ids with labels, clinical values, stored slices."""
    labels = cohort.scans[["subject", *label_columns(cohort.scans)]].to_csv(lineterminator="\n").encode()
    values = cohort.clinical.to_csv(lineterminator="\n", float_format="%.17g").encode()
    slices = hashlib.sha256()
    for start in range(0, len(images), 1024):  # a memory map may be larger than memory
        slices.update(images[start : start + 1024].tobytes())
    return {
        "labels": hashlib.sha256(labels).hexdigest(),
        "clinical": hashlib.sha256(values).hexdigest(),
        "slices": slices.hexdigest(),
    }


def peak_memory_mib() -> int | None:
    """Largest resident size of this process so far, MiB; None on Windows, whose standard library has no such count."""
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux KiB
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20)
