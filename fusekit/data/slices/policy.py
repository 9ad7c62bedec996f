"""Which slices of a volume are used, and at which size: written into every manifest and bundle."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import inf, isfinite
from typing import Any, Literal, get_args

from fusekit.data.images.channels import Channel, channels_of
from fusekit.errors import OptionError

Plane = Literal["sagittal", "coronal", "axial", "volume"]
Space = Literal["voxel", "mm", "fraction"]
Fit = Literal["stretch", "pad"]
Crop = Literal["none", "brain"]
Mask = Literal["choose", "crop", "zero", "channel", "auto"]
Colour = Literal["auto", "grey", "rgb"]
Depth = Literal["uint8", "float16"]
#: The largest image: a slice's height and width, and those of a whole volume, in pixels.
LARGEST_SLICE, LARGEST_VOLUME = 2048, 256


@dataclass(frozen=True, slots=True, kw_only=True)
class SlicePolicy:
    """Slices ``start`` to ``stop`` (half-open) of a volume in closest-canonical (RAS) orientation.

    Args:
        plane: sagittal cuts along x, coronal along y, axial along z; ``volume`` is the whole volume as one item, for
            three-dimensional backbones, and looks at none of start, stop, step and largest.
        space: what start and stop count. ``voxel``: array indices. ``mm``: world coordinates along the axis, through
            the affine; every slice whose centre lies in [start, stop) is used. ``fraction``: of the axis, 0 to 1.
        start, stop: 130 and 140 give the ten coronal slices of Yang et al. 2021.
        step: use every step-th of those slices.
        fit: how a slice becomes square: ``stretch`` resizes both axes to the image size, as the paper does; ``pad``
            keeps the anatomy's proportions (in mm) and fills with background.
        crop: ``brain`` cuts every volume down to the bounding box of the brain before anything else, so that start and
            stop count within it; no registration is involved.
        largest: where a scan has a mask, the so many slices with the largest masked area instead of start to stop;
            0 looks at no mask.
        mask: what else a scan's mask does. ``choose``: nothing. ``crop``: every volume is cut down to the box of the
            mask and ``margin``, before anything else, so that start and stop count within it. ``zero``: what lies
            farther than ``margin`` from the mask is black. ``channel``: the mask is a channel of its own, 0 or 1, after
            the others. All three need a mask of every scan. ``auto``: ``crop`` where every scan of the cohort has a
            mask, else ``choose``.
        margin: around the mask, in mm, for ``crop`` and ``zero``.
        colour: ``rgb`` makes three channels of every image, red, green and blue, which are equal in a grey one;
            ``grey`` makes one of it, of a colour its luma (0.299 R + 0.587 G + 0.114 B). ``auto``: ``rgb`` where the
            cohort's first image is in colour; else one channel, and colours are refused.
        window: width and level that become black and white, in the image's units (``400,40`` for the liver, in HU);
            empty, or a width of 0, takes percentiles of each volume. One pair is for all images of a scan, or each has
            its own, in their order: ``400,40,0,0``.
        depth: how grey levels are stored: ``uint8`` in 256 steps; ``float16`` in eighths of such a step, or finer
            in the lower half of the window, for modalities whose units mean something, such as CT.
    """

    plane: Plane = "coronal"
    space: Space = "voxel"
    start: float = 130
    stop: float = 140
    step: int = 1
    fit: Fit = "stretch"
    crop: Crop = "none"
    largest: int = 0
    mask: Mask = "choose"
    margin: float = 10
    colour: Colour = "auto"
    window: tuple[float, ...] = ()
    depth: Depth = "uint8"

    def __post_init__(self) -> None:
        words = {"plane": Plane, "space": Space, "fit": Fit, "crop": Crop, "depth": Depth}
        for name, kind in {**words, "mask": Mask, "colour": Colour}.items():
            value = getattr(self, name)
            if value not in get_args(kind):
                raise OptionError(f"slices.{name} takes one of {', '.join(get_args(kind))}, not {value!r}.")
        if not (isfinite(self.start) and isfinite(self.stop)):
            raise OptionError(f"slices.start and slices.stop are numbers, not {self.start:g} and {self.stop:g}.")
        if self.stop <= self.start:
            raise OptionError(f"slices.stop must be above slices.start; they are {self.stop:g} and {self.start:g}.")
        for name, least in (("step", 1), ("largest", 0)):
            if getattr(self, name) < least:
                raise OptionError(f"slices.{name} takes {least} or more, not {getattr(self, name)}.")
        if not 0 <= self.margin < inf:
            raise OptionError(f"slices.margin takes millimetres, 0 or more, not {self.margin:g}.")
        if self.crop == "brain" and self.mask in ("crop", "auto"):
            raise OptionError(f"slices.crop=brain and slices.mask={self.mask} both cut volumes down; choose one.")
        object.__setattr__(self, "window", tuple(self.window))  # JSON has lists
        listed = ",".join(f"{number:g}" for number in self.window)
        several = len(self.window) > 2
        fit = all(isfinite(level) and 0 <= width < inf and (width or several) for width, level in self.windows)
        if len(self.window) % 2 or not fit:
            raise OptionError(f"slices.window takes a width above 0 and a level, such as 400,40; not {listed}.")

    @property
    def masked(self) -> bool:
        """Whether masks are looked at."""
        return self.mask != "choose" or (self.largest > 0 and self.plane != "volume")

    @property
    def windows(self) -> tuple[tuple[float, float], ...]:
        """Pairs of width and level: none, one for all images of a scan, or one of each."""
        return tuple(zip(self.window[::2], self.window[1::2], strict=False))

    @property
    def axis(self) -> int:
        """The array axis that the plane cuts along; a whole volume is not cut."""
        return ("sagittal", "coronal", "axial").index(self.plane)

    def channels(self, images: Sequence[str]) -> tuple[Channel, ...]:
        """The channels that a scan's images have in what is cut."""
        return channels_of(images, coloured=self.colour == "rgb", masked=self.mask == "channel")

    def check_size(self, image_size: int) -> None:
        """Refuse, by OptionError, images that take minutes and gigabytes each."""
        kind, most = ("volume", LARGEST_VOLUME) if self.plane == "volume" else ("slice", LARGEST_SLICE)
        if image_size > most:
            raise OptionError(f"image_size is {image_size}, which is more than the {most} pixels of a {kind}'s edge.")

    def check_backbone(self, name: str, dims: int) -> None:
        """Refuse, by OptionError, a backbone that reads volumes where these are slices, or the other way round."""
        if self.plane == "volume" and dims != 3:
            raise OptionError(
                f"slices.plane=volume gives whole volumes, and the backbone {name!r} reads slices. Choose a "
                "three-dimensional backbone (--backbone r3d_18), or a plane: sagittal, coronal or axial."
            )
        if self.plane != "volume" and dims != 2:
            raise OptionError(
                f"the backbone {name!r} reads whole volumes, and slices.plane={self.plane} gives slices. Add "
                "-o slices.plane=volume, or choose a two-dimensional backbone."
            )

    def as_json(self) -> dict[str, Any]:
        """For manifests and bundles; ``SlicePolicy(**it)`` is the way back."""
        return asdict(self)
