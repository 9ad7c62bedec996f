"""Every part that the bundled plugins register, through the check that authors of plugins call.

Backbones are families of hundreds: ``tests/models/backbones`` checks some of each.
"""

from __future__ import annotations

import pytest
import torch

from fusekit.data.clinical.layout import ColumnLayout
from fusekit.extension import catalog
from fusekit.extension.options import option_parameters
from fusekit.models import ImageWidths, Site
from fusekit.testing import check_encoder, check_fusion, check_head, check_injector, check_pool

SITES = (Site("a", 1, 8), Site("b", 2, 16))
BOTH = ImageWidths(map=6, vector=3)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("name", catalog().encoders.names())
def test_encoders(name: str) -> None:
    factory = catalog().encoders.get(name)
    layout = {"layout": ColumnLayout.plain(5)} if "layout" in option_parameters(factory) else {}
    check_encoder(factory(5, **layout), columns=5)


@pytest.mark.parametrize("size", [(6, 5), (4, 5, 3)], ids=["2-D", "3-D"])
@pytest.mark.parametrize("name", catalog().injectors.names())
def test_injectors(name: str, size: tuple[int, ...]) -> None:
    factory = catalog().injectors.get(name)
    dims = {"spatial_dims": len(size)} if "spatial_dims" in option_parameters(factory) else {}
    check_injector(factory(SITES, 7, **dims), SITES, 7, size=size)


@pytest.mark.parametrize("name", catalog().heads.names())
def test_heads(name: str) -> None:
    widths = ImageWidths(0, 0) if name == "clinical" else BOTH
    width = 0 if name == "image" else 4
    check_head(catalog().heads.get(name)(widths, width, 3), widths, width, 3)


@pytest.mark.parametrize("name", catalog().pools.names())
def test_pools(name: str) -> None:
    for width in (0, 4):
        check_pool(catalog().pools.get(name)(BOTH, width), BOTH, width)


@pytest.mark.parametrize("name", [*catalog().fusions.names(), *(f"rbca+{pool}" for pool in catalog().pools.names())])
def test_fusions(name: str) -> None:
    check_fusion(name, backbone="test_resnet", size=(32, 32))
