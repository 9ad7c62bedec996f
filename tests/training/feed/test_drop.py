"""Modality dropout: shares, and nobody who loses everything."""

import torch

from fusekit.training.feed.drop import dropped


def test_shares_and_none_loses_both() -> None:
    torch.manual_seed(0)
    present = torch.ones(20_000, 2, dtype=torch.bool)
    found = dropped(present, 0.3, 0.2)
    lost = 1 - found.float().mean(dim=0)
    assert abs(lost[0] - 0.3) < 0.01
    assert abs(lost[1] - 0.2) < 0.01
    assert found.any(dim=1).all()
    assert dropped(present, 0.5, 0.5).sum() == len(present)
    assert present.all()


def test_what_lacks_one_keeps_the_other() -> None:
    torch.manual_seed(0)
    alone = torch.tensor([[True, False], [False, True]] * 100)
    assert torch.equal(dropped(alone, 0.5, 0.5), alone)


def test_nothing_is_drawn_where_nothing_is_dropped() -> None:
    before = torch.get_rng_state()
    present = torch.ones(4, 2, dtype=torch.bool)
    assert dropped(present, 0.0, 0.0) is present
    assert torch.equal(torch.get_rng_state(), before)
