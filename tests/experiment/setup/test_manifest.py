"""A fingerprint sees every change of the data, and nothing else."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import torch

from fusekit.data import Cohort
from fusekit.experiment.setup import manifest
from fusekit.experiment.setup.manifest import fingerprint

IMAGES = np.zeros((2500, 4, 4), dtype=np.uint8)  # more than one piece of the hash


def test_each_part_answers_to_its_own_data(small_cohort: Cohort) -> None:
    before = fingerprint(small_cohort, IMAGES)
    assert fingerprint(small_cohort, IMAGES.copy()) == before

    pixels = IMAGES.copy()
    pixels[2400, 3, 3] = 1
    labels = small_cohort.scans.assign(label=1 - small_cohort.scans["label"])
    values = small_cohort.clinical.copy()
    values["AGE"] = [np.nextafter(values["AGE"].iloc[0], np.inf), *values["AGE"].iloc[1:]]  # the last bit of one value
    for part, after in {
        "slices": fingerprint(small_cohort, pixels),
        "labels": fingerprint(replace(small_cohort, scans=labels), IMAGES),
        "clinical": fingerprint(replace(small_cohort, clinical=values), IMAGES),
    }.items():
        assert {name for name in before if before[name] != after[name]} == {part}


def test_a_copy_in_another_folder_has_the_same_fingerprint(small_cohort: Cohort) -> None:
    moved = small_cohort.scans.assign(image=[Path("elsewhere") / path.name for path in small_cohort.scans["image"]])
    assert fingerprint(replace(small_cohort, scans=moved), IMAGES) == fingerprint(small_cohort, IMAGES)


def test_the_environment_is_that_of_this_process() -> None:
    found = manifest.environment(torch.device("cpu"))
    assert found["versions"]["timm"] == metadata.version("timm")
    assert {p["name"] for p in found["plugins"]} >= {"builtin", "rbca", "adni"}
    assert found["machine"]["cores"] == os.cpu_count()
    assert found["machine"]["threads"] == torch.get_num_threads()
    peak = manifest.peak_memory_mib()
    assert peak is not None
    assert 50 < peak < 100_000
