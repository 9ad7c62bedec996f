"""Where each column of a table lies in a model's encoded input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from annotated_types import Ge
from typing_extensions import TypedDict

from fusekit.errors import DataError

_Index = Annotated[int, Ge(0)]


class PlaceJson(TypedDict):
    """``Place`` in JSON."""

    first: _Index
    stop: _Index
    kind: Literal["number", "category"]
    mask: _Index | None


@dataclass(frozen=True, slots=True)
class Place:
    """Of one table column: ``inputs[first:stop]`` are its value, ``inputs[mask]`` is 1 where it was observed.

    A number is one input, a category one for each known category, which may be none. Without a mask, training had no
    gap in it.
    """

    first: int
    stop: int
    kind: Literal["number", "category"] = "number"
    mask: int | None = None

    @property
    def inputs(self) -> tuple[int, ...]:
        """The indices of its inputs, with the mask at the end."""
        return (*range(self.first, self.stop), *(() if self.mask is None else (self.mask,)))


@dataclass(frozen=True, slots=True)
class ColumnLayout:
    """Every table column's place in F inputs; each input is one column's, or DataError says which is not."""

    places: tuple[Place, ...]

    def __post_init__(self) -> None:
        for number, place in enumerate(self.places):
            if place.kind == "number" and place.stop != place.first + 1:
                raise DataError(
                    f"layout, column {number}: a number is one input, not inputs {place.first} to {place.stop - 1}."
                )
            if place.stop < place.first:
                raise DataError(f"layout, column {number}: it stops ({place.stop}) before it begins ({place.first}).")
        wanted = 0
        for index, number in sorted((index, number) for number, place in enumerate(self.places) for index in place.inputs):
            if index != wanted:
                problem = f"input {index} belongs to two columns" if index < wanted else f"input {wanted} belongs to none"
                raise DataError(f"layout, column {number}: {problem}.")
            wanted += 1

    @classmethod
    def plain(cls, inputs: int) -> Self:
        """Of inputs of which nothing is known: each is a number of its own, without a mask."""
        return cls(tuple(Place(index, index + 1) for index in range(inputs)))

    @property
    def inputs(self) -> int:
        """F."""
        return sum(len(place.inputs) for place in self.places)

    @property
    def owners(self) -> tuple[int, ...]:
        """For each of the F inputs, the number of the table column that it belongs to."""
        by_input = {index: number for number, place in enumerate(self.places) for index in place.inputs}
        return tuple(by_input[index] for index in range(len(by_input)))

    def as_json(self) -> list[dict[str, Any]]:
        """Plain values, a line for each column."""
        names = ("first", "stop", "kind", "mask")
        return [{name: getattr(place, name) for name in names} for place in self.places]

    @classmethod
    def from_json(cls, plain: Iterable[Mapping[str, Any]]) -> Self:
        """The way back, exact."""
        return cls(tuple(Place(**place) for place in plain))
