"""How a network passes its features on, and the map (B, C, *S) that an injector sees of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, cat

from fusekit.errors import OptionError


@dataclass(frozen=True, slots=True)
class Form:
    """Channels first (B, C, *S), channels last (B, *S, C), or tokens (B, P + H * W, C) of an image in reading order.

    Folding and unfolding move no value: what is folded and unfolded again is the same to the last bit.

    Args:
        prefix: P, tokens before those of the image, such as a class token; an injector does not see them.
    """

    order: Literal["first", "last", "tokens"] = "first"
    prefix: int = 0

    def channels(self, features: Tensor) -> int:
        """C of features."""
        return features.shape[1 if self.order == "first" else -1]

    def fold(self, features: Tensor, size: tuple[int, ...]) -> Tensor:
        """Features in this form, of an image of a size -> map (B, C, *S); OptionError if tokens make no map."""
        if self.order == "first":
            return features
        if self.order == "last":
            return features.movedim(-1, 1)
        tokens = features[:, self.prefix :]
        rows, columns = grid(tokens.shape[1], size)
        if rows * columns != tokens.shape[1]:
            sizes = " x ".join(map(str, size))
            raise OptionError(
                f"{tokens.shape[1]} tokens of an image of {sizes} make no map: take an image whose height and width "
                "are multiples of the network's patches."
            )
        return tokens.transpose(1, 2).reshape(tokens.shape[0], tokens.shape[2], rows, columns)

    def unfold(self, map_: Tensor, features: Tensor) -> Tensor:
        """A map (B, C, *S) -> this form, with the prefix of the features that it was folded from."""
        if self.order == "first":
            return map_
        if self.order == "last":
            return map_.movedim(1, -1)
        tokens = map_.flatten(2).transpose(1, 2)
        return cat((features[:, : self.prefix], tokens), dim=1) if self.prefix else tokens


#: What convolutional networks pass on.
MAP = Form()


def grid(tokens: int, size: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of that many tokens for an image (height, width), whose proportions they keep."""
    rows = max(1, round((tokens * size[0] / size[1]) ** 0.5))
    return rows, max(1, tokens // rows)


def find_form(features: Tensor, size: tuple[int, ...], declared: Form) -> Form | None:
    """The form of features of an image of a size; None if they are none of an image.

    Args:
        declared: what the network says: channels last where the axes do not tell, and how many tokens come first.
    """
    if features.ndim == len(size) + 2:
        if len(size) != 2:
            return MAP
        axes = {"first": tuple(features.shape[2:]), "last": tuple(features.shape[1:3])}
        orders = [order for order, found in axes.items() if found == grid(found[0] * found[1], size)]
        if not orders:
            return None
        return Form("last" if orders == ["last"] or (len(orders) == 2 and declared.order == "last") else "first")
    if features.ndim == 3 and len(size) == 2:
        for prefix in (declared.prefix, 0):
            tokens = features.shape[1] - prefix
            rows, columns = grid(max(1, tokens), size)
            if rows * columns == tokens:
                return Form("tokens", prefix)
    return None
