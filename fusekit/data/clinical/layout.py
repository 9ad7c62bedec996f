"""Where each column of a table lies in a model's encoded input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    """Every table column's place in F inputs; DataError if an input is not exactly one column's."""

    places: tuple[Place, ...]

    def __post_init__(self) -> None:
        spans = []  # what comes from a file may be large, so inputs are not counted one by one
        for number, place in enumerate(self.places):
            if place.stop < place.first or (place.kind == "number" and place.stop != place.first + 1):
                takes = "a number is one input" if place.kind == "number" else "it stops before it begins"
                raise DataError(f"layout, column {number}: {takes}; first is {place.first} and stop {place.stop}.")
            spans.append((place.first, place.stop, number))
            if place.mask is not None:
                spans.append((place.mask, place.mask + 1, number))
        wanted = 0
        for first, stop, number in sorted(span for span in spans if span[1] > span[0]):
            if first != wanted:
                problem = f"{first} belongs to two columns" if first < wanted else f"{wanted} belongs to none"
                raise DataError(f"layout, column {number}: input {problem}.")
            wanted = stop

    @classmethod
    def plain(cls, inputs: int) -> Self:
        """Of inputs of which nothing is known: each is a number of its own, without a mask."""
        return cls(tuple(Place(index, index + 1) for index in range(inputs)))

    def of(self, reads: Sequence[int]) -> Self:
        """Of some of the inputs in another order; a category's lie side by side, or DataError."""
        at = {index: place for place, index in enumerate(reads)}
        places = []
        for number, own in enumerate(self.places):
            values = [at[index] for index in range(own.first, own.stop) if index in at]
            mask = None if own.mask is None else at.get(own.mask)
            if not values and mask is None:
                continue
            first, stop = (values[0], values[0] + len(values)) if values else (0, 0)
            if values != list(range(first, stop)):
                raise DataError(f"layout, column {number}: its inputs are chosen in another order, or with gaps.")
            places.append(Place(first, stop, own.kind if values else "category", mask))
        return type(self)(tuple(places))

    @property
    def inputs(self) -> int:
        """F."""
        return sum(place.stop - place.first + (place.mask is not None) for place in self.places)

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
