"""Networks of a few convolutions that learn a planted signal in seconds, and cohorts that hold it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_model, save_model
from torch import Tensor, nn

from fusekit.bundle.bundle import Bundle
from fusekit.data import Classes, ClinicalEncoding, Column, Pixels, SlicePolicy
from fusekit.explain import Fold
from fusekit.models import (
    Backbone,
    ConcatHead,
    FusionHead,
    FusionModel,
    ImageFeatures,
    ImageHead,
    ImageWidths,
    Inject,
    MLPEncoder,
    Site,
)
from fusekit_rbca import RBCAInjector
from tests.shared import made_once

SIZE, SQUARE, SUBJECTS = 24, 6, 32


class Small(Backbone):
    """Three convolutions, 24 x 24 -> 24 -> 12 -> 12, and the mean over the map."""

    def __init__(self, channels: int = 8):
        super().__init__()
        self.first = nn.Conv2d(1, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
        self.third = nn.Conv2d(channels, channels, 3, padding=1)
        self.sites = (Site("second", 1, channels), Site("third", 2, channels))
        self.width = self.map_channels = channels

    def forward(self, image: Tensor, inject: Inject | None = None) -> ImageFeatures:
        features = self.first(image).relu()
        for site, layer in enumerate((self.second, self.third)):
            features = layer(features if inject is None else inject(site, features)).relu()
        return ImageFeatures(features, features.mean(dim=(2, 3)))


COLUMNS = (
    Column("NOISE", source="a.csv: NOISE"),
    Column("DECISIVE", unit="ng", source="b.csv: DECISIVE"),
    Column("SEX", kind="category", categories=("Female", "Male"), source="a.csv: SEX"),
    Column("OTHER", source="b.csv: OTHER"),
)


@dataclass(frozen=True)
class Cohort:
    """Two slices a subject; a bright square in class 1 only, a column that tells the class, a few gaps in others."""

    images: np.ndarray  # (N, 1, H, W)
    squares: np.ndarray  # (N, H, W) bool: where it is
    table: pd.DataFrame
    rows: pd.DataFrame


def make_cohort(*, in_image: bool, in_table: bool, seed: int = 0) -> Cohort:
    draw = np.random.default_rng(seed)
    labels = np.repeat(np.arange(SUBJECTS) % 2, 2)
    subjects = np.repeat([f"s{n:02}" for n in range(SUBJECTS)], 2)
    images = draw.normal(90, 12, (len(labels), SIZE, SIZE))
    squares = np.zeros(images.shape, dtype=bool)
    for number, label in enumerate(labels):
        top, left = draw.integers(2, SIZE - SQUARE - 2, 2)
        squares[number, top : top + SQUARE, left : left + SQUARE] = bool(label) and in_image
    images[squares] += 80
    person = np.arange(SUBJECTS)
    decisive = (person % 2 * 3.0 if in_table else 0.0) + draw.normal(0, 0.7, SUBJECTS)
    noise = draw.normal(size=SUBJECTS)
    noise[::9] = np.nan
    table = pd.DataFrame(
        {
            "NOISE": noise,
            "DECISIVE": decisive,
            "SEX": draw.choice(["Female", "Male"], SUBJECTS),
            "OTHER": draw.normal(size=SUBJECTS),
        }
    )
    values = table.loc[np.repeat(person, 2)].set_axis(subjects, axis=0)
    rows = pd.DataFrame(
        {"subject": subjects, "scan": subjects, "slice": [7, 8] * SUBJECTS, "fold": 0, "label": labels}
    ).rename_axis("row")
    return Cohort(np.clip(np.rint(images), 0, 255).astype(np.uint8)[:, None], squares, values, rows)


def encoding_of(cohort: Cohort) -> ClinicalEncoding:
    return ClinicalEncoding.fit(cohort.table[~cohort.table.index.duplicated()], COLUMNS)


def make_model(fusion: str, features: int, *, seed: int = 0) -> FusionModel:
    torch.manual_seed(seed)
    backbone = Small()
    if fusion == "image-only":
        return FusionModel(backbone, None, None, ImageHead(ImageWidths(8, 8), 0, 2))
    encoder = MLPEncoder(features, width=16)
    injector = RBCAInjector(backbone.sites, 16) if fusion == "rbca" else None
    head: FusionHead = ConcatHead(ImageWidths(8, 8), 16, 2)
    return FusionModel(backbone, encoder, injector, head)


def bundle_of(model: FusionModel, cohort: Cohort) -> Bundle:
    pixels = Pixels.fit(cohort.images, np.arange(len(cohort.images)))
    encoding = encoding_of(cohort) if model.reads_clinical else None
    return Bundle(model.eval(), Classes(("well", "ill")), encoding, SlicePolicy(), SIZE, pixels)


def train(bundle: Bundle, cohort: Cohort, *, steps: int = 80) -> Bundle:
    """Until a planted signal is found."""
    model = bundle.model.train()
    image = bundle.pixels.to_tensor(cohort.images)
    columns = torch.from_numpy(bundle.encode(cohort.table))
    labels = torch.tensor(cohort.rows["label"].to_numpy())
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-2)
    for _ in range(steps):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(model(image, columns if model.reads_clinical else None), labels)
        torch.autograd.backward(loss)
        optimiser.step()
    model.eval()
    return bundle


def trained_once(factory: pytest.TempPathFactory, name: str, bundle: Bundle, cohort: Cohort, steps: int) -> Bundle:
    """Trained by the first worker that needs it."""
    folder = made_once(
        factory, name, lambda made: save_model(train(bundle, cohort, steps=steps).model, str(made / "weights"))
    )
    load_model(bundle.model, str(folder / "weights"))
    bundle.model.eval()
    return bundle


def fold_of(bundle: Bundle, cohort: Cohort) -> Fold:
    return Fold(bundle, cohort.images, cohort.table, cohort.rows, COLUMNS)


@pytest.fixture(scope="session")
def bright() -> Cohort:
    """The image tells."""
    return make_cohort(in_image=True, in_table=False)


@pytest.fixture(scope="session")
def telling() -> Cohort:
    """The table tells."""
    return make_cohort(in_image=False, in_table=True)


@pytest.fixture(scope="session")
def sees_square(tmp_path_factory: pytest.TempPathFactory, bright: Cohort) -> Bundle:
    return trained_once(tmp_path_factory, "square", bundle_of(make_model("image-only", 0), bright), bright, 80)


@pytest.fixture(scope="session")
def sees_column(tmp_path_factory: pytest.TempPathFactory, telling: Cohort) -> Bundle:
    untrained = bundle_of(make_model("concat", len(encoding_of(telling).features)), telling)
    return trained_once(tmp_path_factory, "column", untrained, telling, 60)


@pytest.fixture(scope="session")
def both() -> Cohort:
    """Image and table tell."""
    return make_cohort(in_image=True, in_table=True)


@pytest.fixture(scope="session")
def injected(tmp_path_factory: pytest.TempPathFactory, both: Cohort) -> Bundle:
    """RBCA, trained on a cohort of both."""
    untrained = bundle_of(make_model("rbca", len(encoding_of(both).features)), both)
    return trained_once(tmp_path_factory, "injected", untrained, both, 40)
