"""Components against scikit-learn's, what counts as missing, and trees that find an interaction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from fusekit.baselines import GradientBoosting, GradientBoostingComponents
from fusekit.baselines.components import Components
from fusekit.baselines.images import standardised
from fusekit.data import Column
from fusekit.errors import DataError, FusekitError
from tests.baselines.cohort import COLUMNS, invented


def images(scans: int, seed: int = 0, slices: int = 2) -> list[np.ndarray]:
    return [*np.random.default_rng(seed).integers(0, 256, (scans, slices, 1, 8, 8), dtype=np.uint8)]


def test_they_are_scikit_learns_up_to_their_signs() -> None:
    train, others = images(40), images(10, seed=1)
    rows, asked = (np.stack([standardised(image, 4).ravel() for image in some]) for some in (train, others))
    theirs = PCA(7, svd_solver="full").fit(rows)
    ours = Components.fit(train, 7, 4)
    signs = np.sign((ours.directions * theirs.components_).sum(axis=1))
    np.testing.assert_allclose(ours.directions, theirs.components_ * signs[:, None], atol=1e-9)
    np.testing.assert_allclose(ours(others), theirs.transform(asked) * signs, atol=1e-9)


def test_there_are_as_many_as_the_scans_have() -> None:
    few = images(5)
    found = Components.fit(few, 30, 8)
    assert found.directions.shape == (4, 2 * 64)  # of five points, less their mean
    np.testing.assert_allclose(found.directions @ found.directions.T, np.eye(4), atol=1e-12)
    assert Components.fit([few[0]] * 3, 30, 8).directions.shape == (0, 2 * 64)


def test_slices_that_a_scan_lacks_or_that_are_empty_are_the_training_mean() -> None:
    train = images(20)
    found = Components.fit(train, 5, 4)
    lacks, empty = train[3][:1], train[3].copy()
    empty[1] = 200
    np.testing.assert_array_equal(*found([lacks, empty]))
    by_hand = found.mean.copy()
    by_hand[:16] = standardised(train[3], 4)[0].ravel()
    np.testing.assert_allclose(found([lacks])[0], found.directions @ (by_hand - found.mean), atol=1e-12)
    np.testing.assert_array_equal(found([empty * 0])[0], np.zeros(5))  # nothing to see is the mean scan
    longer = np.concatenate([train[3], train[4]])
    np.testing.assert_array_equal(*found([longer, train[3]]))


def test_in_training_a_pixels_mean_is_over_the_scans_that_have_it() -> None:
    train = [image[: 1 + number % 2] for number, image in enumerate(images(20))]
    found = Components.fit(train, 5, 4)
    seconds = np.stack([standardised(image, 4)[1].ravel() for image in train if len(image) == 2])
    np.testing.assert_allclose(found.mean[16:], seconds.mean(axis=0), atol=1e-12)


def test_a_scans_components_are_its_own() -> None:
    train = images(20)
    found = Components.fit(train, 5, 4)
    together = found([train[3], train[1], train[3]])
    np.testing.assert_array_equal(together[0], together[2])
    np.testing.assert_array_equal(together[1], found([train[1]])[0])


@pytest.mark.parametrize("other", [np.ones((2, 2, 8, 8)), np.ones((2, 1, 3, 3)), np.ones((1, 1, 8, 8, 8))])
def test_images_of_another_kind_are_refused(other: np.ndarray) -> None:
    with pytest.raises(DataError, match="channels"):
        Components.fit([*images(3), other], 5, 4)
    found = Components.fit(images(5), 5, 4)
    with pytest.raises(DataError, match=r"channels and sides .* and \(1, 4, 4\) are expected"):
        found([other])


def test_the_trees_get_the_table_and_the_components() -> None:
    values, labels, subjects = invented(80)
    shown, train = images(80), np.arange(80) < 60
    ours = GradientBoostingComponents(trees=15, components=3, size=4)
    ours.fit(values[train], COLUMNS, labels[train], subjects[train], 2, images=shown[:60])
    components = Components.fit(shown[:60], 3, 4)
    names = [f"image component {number}" for number in (1, 2, 3)]
    table = values.join(pd.DataFrame(components(shown), columns=names, index=values.index))
    by_hand = GradientBoosting(trees=15)
    by_hand.fit(table[train], (*COLUMNS, *map(Column, names)), labels[train], subjects[train], 2)
    expected = by_hand.probabilities(table[~train])
    np.testing.assert_array_equal(ours.probabilities(values[~train], images=shown[60:]), expected)


def test_a_sign_that_matters_in_carriers_only_is_found() -> None:
    draw = np.random.default_rng(0)
    labels, carrier = np.arange(300) % 2, draw.integers(0, 2, 300)
    sign = draw.normal(size=300) + 4 * np.where(carrier == 1, labels, 1 - labels)  # of the image alone: no use
    shown = draw.normal(128, 3, (300, 1, 1, 8, 8))
    shown[:, 0, 0, :4] += sign[:, None, None] * 2
    values, train = pd.DataFrame({"GENE": carrier.astype(float)}), np.arange(300) < 200
    found = {}
    for name, genes in (("both", carrier), ("image", np.zeros(300))):
        ours = GradientBoostingComponents(components=2, size=8)
        given = values.assign(GENE=genes.astype(float))
        ours.fit(given[train], (Column("GENE"),), labels[train], np.arange(200), 0, images=[*shown[train]])
        found[name] = roc_auc_score(labels[~train], ours.probabilities(given[~train], images=[*shown[~train]])[:, 1])
    assert found["both"] > 0.9
    assert found["image"] < 0.65


def test_no_table_is_enough_and_a_taken_name_is_refused() -> None:
    values, labels, subjects = invented(40)
    ours = GradientBoostingComponents(trees=3, size=4)
    ours.fit(values[[]], (), labels, subjects, 0, images=images(40))
    assert ours.probabilities(values[[]], images=images(40)).shape == (40, 2)
    with pytest.raises(DataError, match="'image component 7' has a name"):
        ours.fit(values, (Column("image component 7"),), labels, subjects, 0, images=images(40))
    with pytest.raises(DataError, match="39 images of 40 scans"):
        ours.probabilities(values[[]], images=images(39))


def shipped(**changed: Any) -> dict[str, Any]:
    values, labels, subjects = invented(40)
    made = GradientBoostingComponents(trees=3, components=3, size=4)
    made.fit(values, COLUMNS, labels, subjects, 0, images=images(40))
    return {**made.shipped(), **changed}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"shape": [2, 1, 4]}, "do not fit images"),
        ({"shape": [2, 1, 4, 2**40]}, "do not fit images"),
        ({"shape": [2, -1, -4, 4]}, "do not fit images"),
        ({"shape": [1, 1, 4, 8]}, "do not fit images"),  # as many pixels, of a side that is longer than the size
        ({"size": 3}, "do not fit images"),
        ({"mean": np.zeros(3)}, "do not fit images"),
        ({"mean": np.zeros(32, dtype=np.float32)}, "not of float64"),
        ({"mean": np.full(32, np.nan)}, "a number that is none"),
        ({"mean": [0.0] * 32}, "do not fit images"),
        ({"directions": np.zeros((1, 32))}, "read more than its 1 components"),
        ({"directions": np.full((3, 32), np.inf)}, "a number that is none"),
        ({"shape": "text"}, "shape is the text"),
        ({"size": 0}, "baseline.size takes 1 or more"),
    ],
)
def test_a_state_whose_parts_do_not_fit_is_refused(changed: dict[str, Any], sentence: str) -> None:
    GradientBoostingComponents.restored(shipped())
    with pytest.raises(FusekitError, match=sentence):
        GradientBoostingComponents.restored(shipped(**changed))
