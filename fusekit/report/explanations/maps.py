"""Maps laid over slices: colours, letters for the sides, and the scale."""

from __future__ import annotations

import numpy as np

from fusekit.report.drawing.picture import Axes, SubFigure

#: A perceptual scale: even steps of lightness, in grey print and to colour-blind people too.
COLOURS = "inferno"
#: Height of the colours' scale below maps, in inches.
SCALE = 0.62
#: How far the strongest place covers the slice; the others in proportion.
COVER = 0.85
#: Side of a picture's slice in pixels: more cannot be seen at the size in which slices are shown.
PIXELS = 160

#: What lies at the viewer's left, right, upper and lower edge, as ``fusekit.data.cut`` turns slices (radiological
#: display): the patient's right, left, front (A), back (P), superior and inferior side.
_EDGES = {
    "coronal": ("R", "L", "S", "I"),
    "axial": ("R", "L", "A", "P"),
    "volume": ("R", "L", "A", "P"),  # its middle axial plane
    "sagittal": ("A", "P", "S", "I"),
}


def edges(plane: str) -> tuple[str, ...]:
    """Letters of the viewer's left, right, upper and lower edge; none where ``plane`` is empty: not known."""
    return _EDGES.get(plane, ())


def orientation(plane: str) -> str:
    """Say which side is which; of an empty plane, that nothing says so."""
    if plane == "sagittal":
        return "Sagittal slices: front (A) at the left."
    if plane not in _EDGES:
        return "The files do not say how these images lie in the body, so no sides are named."
    kind = "Middle axial slices of whole volumes" if plane == "volume" else f"{plane.capitalize()} slices"
    return f"{kind} in radiological display: the patient's left (L) is at the viewer's right."


def laid_over(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Blend a map (H, W), 0 to 1, into a slice (H, W) or (H, W, 3), 0 to 255, in proportion to its strength.

    Returns colours (H, W, 3), 0 to 1.
    """
    from matplotlib import colormaps

    heat = np.clip(np.nan_to_num(heat.astype(float)), 0, 1)
    grey = _coloured(image)
    cover = COVER * heat[..., None]
    return np.asarray(grey * (1 - cover) + colormaps[COLOURS](heat)[..., :3] * cover)


def show(axes: Axes, image: np.ndarray, heat: np.ndarray | None, plane: str, *, letters: bool = True) -> None:
    """Show a slice (H, W) or (H, W, 3), with its map if there is one, and which side is which if the plane is known."""
    colours = _coloured(image) if heat is None else laid_over(image, heat)
    # Without interpolation, an SVG holds the pixels themselves.
    axes.imshow(_small(colours), interpolation="none")
    axes.set_axis_off()
    if letters:
        for letter, x, side in zip(edges(plane)[:2], (0.03, 0.97), ("left", "right"), strict=False):
            axes.text(
                x, 0.03, letter, transform=axes.transAxes, ha=side, va="bottom",
                fontsize=8, color="white", bbox={"facecolor": "black", "edgecolor": "none", "pad": 1.0, "alpha": 0.6},
            )  # fmt: skip


def scale(figure: SubFigure, low: str, high: str, title: str) -> None:
    """Draw the colours of a map over a middle grey, from nothing to the strongest."""
    axes = figure.subplots()
    ramp = np.linspace(0, 1, 128)[None]
    axes.imshow(laid_over(np.full(ramp.shape, 110), ramp), aspect="auto", interpolation="none", extent=(0, 1, 0, 1))
    axes.set(xticks=[0, 1], xticklabels=[low, high], yticks=[])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize=8.5, fontweight="normal", loc="center")


def _coloured(image: np.ndarray) -> np.ndarray:
    """Grey levels (H, W), or colours (H, W, 3), 0 to 255 -> (H, W, 3), 0 to 1."""
    bands = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    return np.asarray(np.clip(bands.astype(float) / 255, 0, 1))


def _small(colours: np.ndarray) -> np.ndarray:
    """Shrink pixels (H, W, 3) so that neither side is longer than ``PIXELS``."""
    from PIL import Image

    longest = max(colours.shape[:2])
    whole: np.ndarray = np.rint(colours * 255).astype(np.uint8)
    if longest <= PIXELS:
        return whole
    height, width = (max(1, round(side * PIXELS / longest)) for side in colours.shape[:2])
    return np.asarray(Image.fromarray(whole).resize((width, height), Image.Resampling.BOX))
