"""What encoders share: widths by people, and decays."""

from __future__ import annotations

import pytest

from fusekit.errors import OptionError
from fusekit.models import MLPEncoder
from fusekit.models.encoders.defaults import width_for
from fusekit.models.encoders.tokens import TokenEncoder


def test_the_width_doubles_whenever_people_are_four_times_as_many() -> None:
    people = [None, 1, 96, 400, 1599, 1600, 6399, 6400, 25600]
    assert [width_for(count) for count in people] == [64, 64, 64, 64, 64, 128, 128, 256, 512]


def test_encoders_take_it_where_none_is_set() -> None:
    assert MLPEncoder(3, width=None, people=1600).width == TokenEncoder(3, people=1600).width == 128
    assert MLPEncoder(3).width == 1024  # Yang et al. 2021


@pytest.mark.parametrize("encoder", [MLPEncoder, TokenEncoder])
def test_a_decay_below_0_is_refused(encoder: type[MLPEncoder]) -> None:
    with pytest.raises(OptionError, match=r"encoder\.weight_decay takes 0 or more, or none, not -1"):
        encoder(3, weight_decay=-1.0)
