"""The state of a training in one file, from which it is resumed as if nothing had happened."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import JsonValue, with_config
from torch import Tensor
from typing_extensions import TypedDict

from fusekit.disk import OPEN, parse_json, read_tensors, write_tensors
from fusekit.errors import DataError, FusekitError
from fusekit.training.machines.processes import ALONE, Processes

FORMAT = 5
#: Name of the entry in the file's head that holds all but the tensors.
HEAD = "fusekit"


class Place(NamedTuple):
    """How far a training is: the epoch that comes or is under way, from 1, and how many of its batches are done."""

    epoch: int = 1
    batch: int = 0


class RandomState:
    """torch's random numbers, of the CPU and of the device that is trained on."""

    def __init__(self, device: torch.device):
        self.device = device
        self._loaded: Mapping[str, Tensor] | None = None

    def state_dict(self) -> dict[str, Tensor]:
        """Of each generator."""
        own = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            own["cuda"] = torch.cuda.get_rng_state(self.device)
        if self.device.type == "mps":
            own["mps"] = torch.mps.get_rng_state()
        return own

    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> None:
        """Resume with the numbers that would have come next."""
        self._loaded = state_dict
        torch.set_rng_state(state_dict["cpu"])
        if "cuda" in state_dict:
            torch.cuda.set_rng_state(state_dict["cuda"], self.device)
        if "mps" in state_dict:
            torch.mps.set_rng_state(state_dict["mps"])

    def again(self) -> None:
        """Forget the numbers that were drawn since ``load_state_dict``."""
        if self._loaded is not None:
            self.load_state_dict(self._loaded)


@with_config(OPEN)
class _Head(TypedDict):
    format: int
    identity: dict[str, JsonValue]
    place: tuple[int, int]
    states: dict[str, JsonValue]


class Checkpoint:
    """A file that holds the state of named objects, replaced as a whole each time; without a path nothing is kept.

    ``identity``, of plain JSON values, must be the same for it to be resumed. The first process writes, all read.
    """

    def __init__(
        self, path: Path | None = None, identity: Mapping[str, Any] | None = None, processes: Processes = ALONE
    ):
        self.path, self.processes = path, processes
        self.identity: dict[str, Any] = json.loads(json.dumps(identity or {}))  # as it will be read again
        self.objects: dict[str, Any] = {}
        self.each: dict[str, Any] = {}
        self.place: Place | None = None  # of the state in the file

    def keep(self, **objects: Any) -> None:
        """Name objects whose ``state_dict`` is saved, and the same in all processes; they have ``load_state_dict``."""
        self.objects.update(objects)

    def keep_each(self, **objects: Any) -> None:
        """Name objects whose state is saved, and another in each process."""
        self.each.update(objects)

    def save(self, place: Place) -> None:
        """Write every object's state, whole or not at all; FusekitError if it is more than tensors and plain values."""
        if self.path is None:
            return
        each = {name: self.processes.gather(held.state_dict()) for name, held in self.each.items()}
        if self.processes.first:
            tensors: dict[str, Tensor] = {}
            same = {name: held.state_dict() for name, held in self.objects.items()}
            states = {name: _plain(state, name, tensors) for name, state in {**same, **each}.items()}
            head = {"format": FORMAT, "identity": self.identity, "place": list(place), "states": states}
            write_tensors(self.path, tensors, {HEAD: json.dumps(head)})
        self.place = place

    def load(self) -> Place:
        """Give every object the state that was saved, if any was, and return how far it was.

        DataError if the file is damaged, or of another training, with what differs; FusekitError if one process sees
        another file than the first.
        """
        place = self._load()
        self.processes.same("a checkpoint", list(place))
        return place

    def _load(self) -> Place:
        if self.path is None or not self.path.exists():
            return Place()
        try:
            tensors, metadata = read_tensors(self.path)
            head = parse_json(metadata[HEAD], _Head, str(self.path))
            if head["format"] != FORMAT:
                raise DataError(f"{self.path} has format {head['format']}; this FuseKit reads {FORMAT}.")
        except (OSError, KeyError, ValueError) as error:
            raise DataError(
                f"{self.path} is no checkpoint, or a damaged one ({error}). Delete it, and this training begins again."
            ) from error
        if head["identity"] != self.identity:
            raise DataError(
                f"{self.path} is a checkpoint of another training: {difference(head['identity'], self.identity)}. "
                "Resume with the settings of that training, or delete the file to begin again."
            )
        for name, held in (self.objects | self.each).items():
            if name not in head["states"]:
                raise DataError(f"{self.path} has no state of {name}: another version wrote it. Delete it.")
            try:
                state = _restored(head["states"][name], tensors)
                held.load_state_dict(state[self.processes.rank] if name in self.each else state)
            except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
                raise DataError(f"{self.path}: the state of {name} is damaged ({error}). Delete it.") from error
        self.place = Place(*head["place"])
        return self.place


def difference(known: Any, asked: Any, where: str = "") -> str:
    """The first place where two records differ."""
    if isinstance(known, Mapping) and isinstance(asked, Mapping):
        for name in [*asked, *known]:
            if known.get(name) != asked.get(name):
                return difference(known.get(name), asked.get(name), f"{where}.{name}" if where else name)
    return f"{where or 'it'} was {json.dumps(known)} and is {json.dumps(asked)}"


def _plain(value: Any, where: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        # Fused optimizers go through weights and their averages side by side, in the order of memory: it is kept.
        order = sorted(range(value.ndim), key=lambda axis: (-value.stride()[axis], axis))
        tensors[where] = value.detach().permute(order)
        return {"tensor": where, "order": order}
    if isinstance(value, Mapping):
        return {"items": [[key, _plain(one, f"{where}/{key}", tensors)] for key, one in value.items()]}
    if isinstance(value, list | tuple):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_plain(one, f"{where}/{number}", tensors) for number, one in enumerate(value)]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise FusekitError(f"the state {where} is of the type {type(value).__name__}, which a checkpoint does not keep.")


def _restored(plain: Any, tensors: Mapping[str, Tensor]) -> Any:
    if not isinstance(plain, dict):
        return plain
    if "tensor" in plain:
        order = plain["order"]
        return tensors[plain["tensor"]].permute([order.index(axis) for axis in range(len(order))])
    if "items" in plain:
        return {key: _restored(one, tensors) for key, one in plain["items"]}
    if "tuple" in plain:
        return tuple(_restored(one, tensors) for one in plain["tuple"])
    return [_restored(one, tensors) for one in plain["list"]]
