"""Training images changed at random, on the device: each sample by itself, the same again for the same batch."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from fusekit.data.images.channels import MASK, Channel
from fusekit.errors import OptionError

#: The brightest grey level.
WHITE = 255.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentOptions:
    """How training images are changed: ``-o augment.option=value``. All are 0: none is, as in the paper."""

    flip: float = 0.0  # probability that left and right, along the last axis, are exchanged
    rotate: float = 0.0  # degrees at most either way, of volumes about each axis
    shift: float = 0.0  # of the edge at most, either way, along each axis
    scale: float = 0.0  # larger or smaller by at most this share
    intensity: float = 0.0  # gain and gamma differ from 1, and black from 0 as a share of the range, by at most this
    noise: float = 0.0  # Gaussian, its standard deviation at most this share of the range

    def __post_init__(self) -> None:
        most = {"flip": 1.0, "rotate": 180.0, "shift": 0.5, "scale": 0.5, "intensity": 0.5, "noise": 1.0}
        for name, limit in most.items():
            if not 0 <= getattr(self, name) <= limit:
                raise OptionError(f"augment.{name} takes 0 to {limit:g}, not {getattr(self, name):g}.")

    def __bool__(self) -> bool:
        """Whether anything is changed."""
        return any(getattr(self, field.name) for field in fields(self))


class Augment:
    """Batches of grey levels, changed at random before they are standardised; they stay between black and white.

    The numbers are a function of (seed, epoch, number of the batch): a training that is resumed sees the same images,
    whatever else drew random numbers. Those of the transformations are the same on every device, those of the noise on
    every device of a kind.

    What is moved is moved alike in all channels. Intensity and noise are drawn for each image of a sample: its colours
    share gain, black, gamma and strength of noise, T1 and FLAIR each have their own, and a mask stays as it is.
    ``channels`` say which is which; without them, each channel is an image.
    """

    def __init__(self, options: AugmentOptions, seed: int, channels: Sequence[Channel] = ()):
        self.options, self.seed, self.channels = options, seed, channels

    def __call__(self, grey: Tensor, epoch: int, number: int) -> Tensor:
        """Grey levels 0 to 255, (B, C, H, W) or (B, C, D, H, W), uint8 or float16 -> float32; the same if off."""
        if not self.options:
            return grey
        key = np.random.SeedSequence((self.seed, epoch, number)).generate_state(2)
        draw = torch.Generator().manual_seed(int(key[0]))
        image = grey.float()
        if any((self.options.flip, self.options.rotate, self.options.shift, self.options.scale)):
            count, dims = len(image), image.ndim - 2
            mirrored = torch.rand(count, generator=draw) < self.options.flip
            angles = _either_way(self.options.rotate, (count, 1 if dims == 2 else 3), draw)
            shifts = _either_way(self.options.shift, (count, dims), draw)
            image = moved(image, mirrored, angles, shifts, 1 + _either_way(self.options.scale, (count,), draw))
        owners = [channel.image for channel in self.channels] or [str(k) for k in range(image.shape[1])]
        owner, names = pd.factorize(np.array(owners))
        if self.options.intensity:
            most = self.options.intensity
            changes = [_either_way(most, (len(image), len(names)), draw) for _ in range(3)]
            gain, black, gamma = (_each(image, self._of_images(change, owner)) for change in changes)
            image = WHITE * (image / WHITE * (1 + gain) + black).clamp(0, 1) ** (1 + gamma)
        if self.options.noise:
            strength = torch.rand((len(image), len(names)), generator=draw) * self.options.noise * WHITE
            deviations = _each(image, self._of_images(strength, owner))
            own = torch.Generator(image.device).manual_seed(int(key[1]))
            image = image + deviations * torch.randn(image.shape, generator=own, device=image.device)
        return image.clamp(0, WHITE)

    def _of_images(self, values: Tensor, owner: np.ndarray) -> Tensor:
        """Values of images (B, images) -> of channels (B, C); 0 of a mask."""
        found = values[:, torch.from_numpy(owner)]
        masks = [channel.image == MASK for channel in self.channels]
        return found if not any(masks) else found * ~torch.tensor(masks)


def moved(image: Tensor, mirrored: Tensor, angles: Tensor, shifts: Tensor, scales: Tensor) -> Tensor:
    """Mirror, scale and turn about the centre, then shift: one interpolation, linear, with black outside.

    image (B, C, *S) float; mirrored (B,) along the last axis; angles in degrees, (B, 1) clockwise as shown, of volumes
    (B, 3), a rotation vector along x, y, z; shifts (B, S) in x, y (, z), as shares of the edges; scales (B,).
    """
    # Here, since the package takes a second to load, and most trainings change nothing.
    from kornia.geometry import transform

    size = torch.tensor(image.shape[:1:-1], dtype=torch.float32)  # in x, y (, z)
    centre = ((size - 1) / 2).expand(len(image), -1)
    mirror = torch.eye(len(size) + 1).repeat(len(image), 1, 1)
    mirror[mirrored, 0, 0], mirror[mirrored, 0, -1] = -1.0, float(size[0]) - 1
    both = scales[:, None]
    if len(size) == 2:
        matrix = transform.get_affine_matrix2d(shifts * size, centre, both.expand(-1, 2), angles[:, 0])
    else:
        matrix = transform.get_affine_matrix3d(shifts * size, centre, both.expand(-1, 3), angles)
    matrix = (matrix @ mirror)[:, :-1].to(image.device)
    warp: Any = transform.warp_affine if len(size) == 2 else transform.warp_affine3d
    done: Tensor = warp(image, matrix, tuple(image.shape[2:]))
    return done


def _either_way(most: float, shape: tuple[int, ...], draw: torch.Generator) -> Tensor:
    """Even over -most to most."""
    return most * (2 * torch.rand(shape, generator=draw) - 1)


def _each(image: Tensor, values: Tensor) -> Tensor:  # values (B, C), broadcast over the pixels
    return values.to(image.device).reshape(*values.shape, *[1] * (image.ndim - 2))
