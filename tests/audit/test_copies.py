"""One image under two subjects is refused; under one subject it is noted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusekit.audit.copies import nearly_same_images, same_images
from tests.audit.conftest import make_store, make_volumes


def test_exact_copies_are_refused_across_subjects_and_noted_within(case: Callable[..., Any]) -> None:
    subjects = ["s0", "s0", *[f"s{i}" for i in range(1, 59)]]
    digests = ["same", "same", "other", *[f"d{i}" for i in range(3, 59)], "other"]
    volumes = make_volumes(case().cohort.scans.index, digest=digests)
    across, within = same_images(case(subjects=subjects, labels=[0] * 30 + [1] * 30, store=make_store(volumes)))
    assert (across.code, across.severity, across.items) == ("same-image", "refusal", ("s1 (scan2) = s58 (scan59)",))
    assert (within.code, within.severity, within.items) == ("repeated-image", "note", ("s0 (scan0) = s0 (scan1)",))
    assert list(same_images(case(store=make_store(make_volumes(volumes.index))))) == []


def test_near_duplicates_are_refused_and_exact_ones_not_said_twice(case: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    thumbnails = rng.integers(0, 255, (60, 16, 16, 16)).astype(np.uint8)
    thumbnails[9] = np.clip(thumbnails[4] * 0.9 + rng.normal(0, 5, (16, 16, 16)), 0, 255).astype(np.uint8)
    thumbnails[30] = thumbnails[31]
    digests = [f"d{i}" for i in range(60)]
    digests[30] = digests[31]
    volumes = make_volumes(case().cohort.scans.index, digest=digests)
    (found,) = nearly_same_images(case(store=make_store(volumes, thumbnails)))
    assert (found.code, found.severity) == ("near-duplicate", "refusal")
    (item,) = found.items
    assert item.startswith("s004 (scan4) ~ s009 (scan9): 0.9")


@pytest.mark.parametrize(("pairs", "severity"), [(1, "warning"), (6, "warning"), (7, "note")])
def test_what_is_less_alike_is_a_warning_and_a_note_where_it_is_usual(
    case: Callable[..., Any], pairs: int, severity: str
) -> None:
    rng = np.random.default_rng(1)
    thumbnails = rng.normal(128, 25, (60, 16, 16, 16))
    for k in range(pairs):
        thumbnails[59 - k] = 128 + 0.8 * (thumbnails[k] - 128) + 0.6 * (thumbnails[59 - k] - 128)
    volumes = make_volumes(case().cohort.scans.index, digest=[f"d{i}" for i in range(60)])
    (found,) = nearly_same_images(case(store=make_store(volumes, np.rint(thumbnails.clip(0, 255)).astype(np.uint8))))
    assert (found.code, found.severity, found.count) == ("look-alike", severity, pairs)
    assert all(0.55 < float(item.rpartition(": ")[2]) < 0.75 for item in found.items)  # 0.8 squared is 0.64


def test_where_people_look_alike_only_what_is_certain_is_refused(case: Callable[..., Any]) -> None:
    rng = np.random.default_rng(2)
    thumbnails = rng.normal(128, 25, (60, 16, 16, 16))
    for k in range(7):  # nine tenths of the variance are shared, which is refused where it is unusual
        thumbnails[59 - k] = 128 + 0.95 * (thumbnails[k] - 128) + 0.31 * (thumbnails[59 - k] - 128)
    thumbnails[20] = thumbnails[21] + rng.normal(0, 2, (16, 16, 16))
    volumes = make_volumes(case().cohort.scans.index, digest=[f"d{i}" for i in range(60)])
    store = make_store(volumes, np.rint(thumbnails.clip(0, 255)).astype(np.uint8))
    refused, noted = nearly_same_images(case(store=store))
    assert (refused.code, refused.severity) == ("near-duplicate", "refusal")
    (item,) = refused.items
    assert item.startswith("s020 (scan20) ~ s021 (scan21): ")
    assert (noted.code, noted.severity, noted.count) == ("look-alike", "note", 7)
    thumbnails[54:] = rng.normal(128, 25, (6, 16, 16, 16))  # one pair of the seven is left
    store = make_store(volumes, np.rint(thumbnails.clip(0, 255)).astype(np.uint8))
    (refused,) = nearly_same_images(case(store=store))
    assert refused.count == 2


def test_without_a_store_there_is_nothing_to_compare(case: Callable[..., Any]) -> None:
    assert [*same_images(case()), *nearly_same_images(case())] == []


def test_copies_are_found_image_by_image_and_across_images(case: Callable[..., Any]) -> None:
    scans = case().cohort.scans.index
    first = make_volumes(scans, image="t1", digest=[f"a{i}" for i in range(60)])
    digests = [f"b{i}" for i in range(60)]
    digests[7], digests[9], digests[20] = "b3", "a4", "a20"  # another's flair, another's t1, and its own t1
    second = make_volumes(scans, image="flair", digest=digests)
    together = pd.concat([first, second]).sort_index(kind="stable")
    across, within = same_images(case(store=make_store(together, np.zeros((120, 2, 2, 2), np.uint8))))
    assert (across.code, across.severity) == ("same-image", "refusal")
    assert set(across.items) == {"s003 (scan3 flair) = s007 (scan7 flair)", "s004 (scan4 t1) = s009 (scan9 flair)"}
    assert within.items == ("s020 (scan20 t1) = s020 (scan20 flair)",)


def test_near_copies_are_found_among_images_of_one_kind(case: Callable[..., Any]) -> None:
    draw, scans = np.random.default_rng(0), case().cohort.scans.index
    common = draw.normal(120, 30, (2, 8, 8, 8))
    thumbnails = common[None] + draw.normal(0, 12, (60, 2, 8, 8, 8))
    thumbnails[11, 1] = 0.9 * thumbnails[4, 1] + 5  # the second image of another scan, rescaled
    volumes = pd.concat([make_volumes(scans, image=name) for name in ("t1", "flair")]).reset_index()
    volumes["digest"] = [f"d{i}" for i in range(120)]
    order = np.argsort(np.concatenate([np.arange(60), np.arange(60)]), kind="stable")
    volumes = volumes.iloc[order].set_index("scan")
    flat = np.rint(thumbnails.clip(0, 255)).astype(np.uint8).reshape(120, 8, 8, 8)
    (found,) = (f for f in nearly_same_images(case(store=make_store(volumes, flat))) if f.code == "near-duplicate")
    assert found.message.startswith("pairs of images (flair) of two subjects")
    (item,) = found.items
    assert item.startswith("s004 (scan4) ~ s011 (scan11)")
