"""What augmentation does to pictures that one can work out by hand, and that it is the same again."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from fusekit.data.images.channels import Channel
from fusekit.errors import OptionError
from fusekit.training.feed.augment import Augment, AugmentOptions, moved

ALL = AugmentOptions(flip=0.5, rotate=10, shift=0.05, scale=0.1, intensity=0.1, noise=0.05)


def spot(*place: int, size: tuple[int, ...] = (9, 9)) -> Tensor:
    """Black but for one pixel."""
    image = torch.zeros(1, 1, *size)
    image[(0, 0, *place)] = 200.0
    return image


def move(image: Tensor, mirrored: bool = False, angles: Any = None, shifts: Any = None, scale: float = 1.0) -> Tensor:
    dims = image.ndim - 2
    return moved(
        image,
        torch.tensor([mirrored]),
        torch.tensor([angles or [0.0] * (1 if dims == 2 else 3)]),
        torch.tensor([shifts or [0.0] * dims]),
        torch.tensor([scale]),
    )


def brightest(image: Tensor) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(image[0, 0].argmax()), image.shape[2:]))


def batch(count: int = 4, size: tuple[int, ...] = (16, 12)) -> Tensor:
    """Smooth pictures of grey levels, as stored."""
    rng = np.random.default_rng(0)
    rough = rng.uniform(0, 255, (count, 1, *size))
    smooth = ndimage.gaussian_filter(rough, (0, 0, *[1.5] * len(size)))
    return torch.from_numpy(smooth.astype(np.uint8))


def test_where_all_is_zero_the_tensor_passes() -> None:
    grey = batch()
    assert Augment(AugmentOptions(), seed=0)(grey, 1, 0) is grey
    assert not AugmentOptions()
    assert AugmentOptions(flip=0.5)


@pytest.mark.parametrize("size", [(7, 10), (5, 7, 10)])
def test_mirroring_reverses_the_last_axis(size: tuple[int, ...]) -> None:
    image = batch(1, size).float()
    torch.testing.assert_close(move(image, mirrored=True), image.flip(-1), rtol=0, atol=1e-2)
    always = Augment(AugmentOptions(flip=1), seed=0)(image, 1, 0)
    torch.testing.assert_close(always, image.flip(-1), rtol=0, atol=1e-2)


def test_a_spot_goes_where_it_is_sent() -> None:
    assert brightest(move(spot(2, 4), angles=[90.0])) == (4, 6)  # from the top to the right: clockwise
    assert brightest(move(spot(2, 4, size=(10, 10)), shifts=[0.1, 0.2])) == (4, 5)  # x first
    assert brightest(move(spot(4, 6), scale=2.0)) == (4, 8)  # twice as far from the centre
    assert brightest(move(spot(2, 4), mirrored=True, angles=[90.0])) == (4, 6)
    assert brightest(move(spot(4, 1), mirrored=True, angles=[90.0])) == (7, 4)  # to the right, then to the bottom
    assert float(move(spot(2, 4), angles=[90.0]).max()) == pytest.approx(200, abs=0.01)
    assert float(move(spot(0, 4), shifts=[0.0, -0.2]).max()) == 0  # out of the picture, and black comes in


def test_a_spot_in_a_volume_goes_where_it_is_sent() -> None:
    size = (9, 9, 9)  # z, y, x
    assert brightest(move(spot(4, 4, 7, size=size), mirrored=True)) == (4, 4, 1)
    assert brightest(move(spot(2, 3, 4, size=(10, 10, 10)), shifts=[0.1, 0.2, 0.3])) == (5, 5, 5)
    assert brightest(move(spot(4, 4, 6, size=size), scale=1.5)) == (4, 4, 7)
    for axis in range(3):  # a turn leaves what lies on its axis
        angles = [0.0, 0.0, 0.0]
        angles[axis] = 90.0
        place = [4, 4, 4]
        place[2 - axis] = 7
        turned = move(spot(*place, size=size), angles=angles)
        assert brightest(turned) == tuple(place)
        place[2 - axis], place[2 - (axis + 1) % 3] = 4, 7
        assert brightest(move(spot(*place, size=size), angles=angles)) != tuple(place)


def test_a_turn_is_scipys() -> None:
    image = batch(1, (15, 15)).float()
    found = move(image, angles=[-25.0])  # scipy turns against the clock
    expected = ndimage.rotate(image[0, 0].numpy(), 25.0, reshape=False, order=1, mode="constant")
    inside = (slice(4, -4), slice(4, -4))  # at the edges the two end differently
    np.testing.assert_allclose(found[0, 0].numpy()[inside], expected[inside], atol=0.05)


def test_intensities_follow_gain_black_and_gamma() -> None:
    grey = torch.full((500, 1, 2, 2), 128, dtype=torch.uint8)
    image = Augment(AugmentOptions(intensity=0.2), seed=0)(grey, 1, 0)
    assert torch.equal(image, image[:, :, :1, :1].expand_as(image))  # a sample's pixels change alike
    levels = image[:, 0, 0, 0] / 255
    share = 128 / 255
    assert levels.min() >= (0.8 * share - 0.2) ** 1.2 - 1e-6
    assert levels.max() <= (1.2 * share + 0.2) ** 0.8 + 1e-6
    assert levels.std() > 0.05


def test_noise_has_an_even_deviation_up_to_the_most() -> None:
    grey = torch.full((200, 1, 40, 40), 128, dtype=torch.uint8)
    image = Augment(AugmentOptions(noise=0.1), seed=0)(grey, 1, 0)
    deviations = image.std(dim=(1, 2, 3)) / 255
    assert 0.1 * 0.9 < deviations.max() < 0.1 * 1.1
    assert float(deviations.mean()) == pytest.approx(0.05, abs=4 * 0.1 / math.sqrt(12 * 200))
    assert float(image.mean()) == pytest.approx(128, abs=0.2)


@pytest.mark.parametrize("size", [(16, 12), (8, 9, 10)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16])
def test_the_same_batch_is_changed_alike_and_others_otherwise(size: tuple[int, ...], dtype: torch.dtype) -> None:
    grey = batch(4, size).to(dtype)
    before, drawn = grey.clone(), torch.get_rng_state()
    varied = Augment(ALL, seed=3)
    first = varied(grey, 2, 5)
    assert torch.equal(grey, before)
    assert torch.equal(torch.get_rng_state(), drawn)  # dropout draws what it would have drawn
    torch.rand(3)
    assert torch.equal(Augment(ALL, seed=3)(grey, 2, 5), first)
    assert first.dtype == torch.float32
    assert first.shape == grey.shape
    assert 0 <= first.min() <= first.max() <= 255
    for other in (varied(grey, 1, 5), varied(grey, 2, 4), Augment(ALL, seed=4)(grey, 2, 5)):
        assert not torch.allclose(first, other, atol=1)


def test_samples_of_a_batch_differ() -> None:
    same = batch(1).expand(6, -1, -1, -1)
    for options in ({"rotate": 20}, {"shift": 0.2}, {"scale": 0.3}, {"intensity": 0.3}, {"noise": 0.1}):
        image = Augment(AugmentOptions(**options), seed=0)(same, 1, 0)
        assert len(torch.unique(image.flatten(1), dim=0)) == 6
    halves = Augment(AugmentOptions(flip=0.5), seed=0)(batch(1).expand(400, -1, -1, -1), 1, 0)
    mirrored = (halves - batch(1).float().flip(-1)).abs().amax(dim=(1, 2, 3)) < 0.1
    assert float(mirrored.float().mean()) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"flip": 1.5}, r"augment\.flip takes 0 to 1, not 1\.5"),
        ({"rotate": -1.0}, r"augment\.rotate takes 0 to 180, not -1"),
        ({"scale": 0.9}, r"augment\.scale takes 0 to 0\.5"),
        ({"noise": float("nan")}, r"augment\.noise"),
    ],
)
def test_numbers_out_of_range_are_refused(given: dict[str, float], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        AugmentOptions(**given)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device; the code is the same on CPU, above")
def test_on_cuda_images_move_as_on_the_cpu() -> None:
    options = AugmentOptions(flip=0.5, rotate=10, shift=0.05, scale=0.1, intensity=0.1)
    there = Augment(options, seed=3)(batch().cuda(), 2, 5)
    torch.testing.assert_close(there.cpu(), Augment(options, seed=3)(batch(), 2, 5), rtol=0, atol=0.05)


CHANNELS = (
    *(Channel(name, "photo") for name in ("red", "green", "blue")),
    Channel("t1", "t1"),
    Channel("mask", "mask"),
)


def test_channels_are_moved_alike() -> None:
    grey = batch().expand(-1, 5, *batch().shape[2:])
    options = AugmentOptions(flip=0.5, rotate=20, shift=0.1, scale=0.1)
    image = Augment(options, seed=0, channels=CHANNELS)(grey, 1, 0)
    for channel in range(1, 5):
        torch.testing.assert_close(image[:, channel], image[:, 0])
    torch.testing.assert_close(image[:, :1], Augment(options, seed=0)(batch(), 1, 0))


def test_colours_share_their_intensity_images_have_their_own_and_a_mask_keeps_it() -> None:
    grey = torch.full((6, 5, 4, 4), 100, dtype=torch.uint8)
    image = Augment(AugmentOptions(intensity=0.3), seed=0, channels=CHANNELS)(grey, 1, 0)
    levels = image.mean(dim=(2, 3))  # (B, C)
    torch.testing.assert_close(levels[:, 1:3], levels[:, :1].expand(-1, 2))
    assert (levels[:, 3] - levels[:, 0]).abs().min() > 0.1
    torch.testing.assert_close(levels[:, 4], torch.full((6,), 100.0))
    noisy = Augment(AugmentOptions(noise=0.3), seed=0, channels=CHANNELS)(grey, 1, 0)
    spread = noisy.std(dim=(2, 3))
    assert (spread[:, :4] > 0).all()
    assert not torch.equal(noisy[:, 0], noisy[:, 1])  # one strength, and each pixel its own
    assert (spread[:, 4] == 0).all()


def test_without_names_each_channel_is_an_image() -> None:
    grey = torch.full((6, 2, 4, 4), 100, dtype=torch.uint8)
    levels = Augment(AugmentOptions(intensity=0.3), seed=0)(grey, 1, 0).mean(dim=(2, 3))
    assert (levels[:, 0] - levels[:, 1]).abs().min() > 0.1
