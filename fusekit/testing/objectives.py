"""Check an objective."""

from copy import deepcopy

import torch
from torch import Tensor

from fusekit.data import Classes, Number, Ordered, Target, TimeToEvent
from fusekit.models import Output
from fusekit.training.feed.loader import Batch
from fusekit.training.objectives import Objective, total

_ROWS = 12


def check_objective(objective: Objective, classes: int) -> dict[str, float]:
    """Check an objective of so many classes or intervals, or of a number, on random outputs; return its terms."""
    assert isinstance(objective, Objective), f"it is no Objective but {type(objective).__name__}"
    assert not list(objective.parameters()), (
        "it has weights of its own, which nothing trains: give them to a head, whose Output may hold losses"
    )
    names = ("outputs", *objective.part_names)
    labels, target = torch.arange(_ROWS) % classes, _target(objective, classes)
    if isinstance(target, Number):
        labels = labels / classes
    elif isinstance(target, TimeToEvent):  # intervals that were passed, every second one censored
        labels = (labels + 0.5) * (1 - 2 * (torch.arange(_ROWS) % 2))
    width = objective.trained(target).outputs
    drawn = torch.randn(len(names), _ROWS, width, generator=torch.Generator().manual_seed(0))
    given = {name: value.requires_grad_() for name, value in zip(names, drawn.unbind(), strict=True)}
    terms = objective(_output(given), _batch(labels))
    loss = total(terms)
    assert loss.isfinite(), "the loss of ordinary outputs is not finite"
    slopes = torch.autograd.grad(loss, list(given.values()), allow_unused=True)
    for name, slope in zip(names, slopes, strict=True):
        what = "the outputs" if name == "outputs" else f"the part {name!r}, which part_names lists"
        assert slope is not None, f"no gradient reaches {what}"
        assert slope.isfinite().all(), f"the gradient of {what} is not finite"
    order = torch.randperm(_ROWS, generator=torch.Generator().manual_seed(0))
    plain = {name: value.detach() for name, value in given.items()}
    shuffled = {name: value[order] for name, value in plain.items()}
    again = total(objective(_output(plain), _batch(labels)))
    other = total(objective(_output(shuffled), _batch(labels[order])))
    assert torch.equal(again, loss), "asked a second time, it gives another loss"
    assert torch.allclose(again, other, rtol=1e-4), "the order of the samples in a batch changes the loss"
    if objective.late_entry:
        late = torch.stack([labels, torch.zeros(_ROWS)], dim=1)
        same = torch.allclose(total(objective(_output(plain), _batch(late))), loss)
        assert same, "it sets late_entry, and its loss is another one where everyone enters at 0"
    precise = {name: value.double() for name, value in plain.items()}
    double = total(deepcopy(objective).double()(_output(precise), _batch(labels)))
    assert double.dtype == torch.float64, f"of outputs in float64, the loss is {double.dtype}"
    return {name: float(term.detach()) for name, term in terms.items()}


def _target(objective: Objective, classes: int) -> Target:
    names = tuple(f"class {number}" for number in range(classes))
    if Ordered.kind in objective.targets:
        return Ordered(names)
    if Number.kind in objective.targets:
        return Number("number")
    if TimeToEvent.kind in objective.targets:
        return TimeToEvent("event", (1.0,), intervals=classes)
    return Classes(names)


def _output(given: dict[str, Tensor]) -> Output:
    parts = {name: value for name, value in given.items() if name != "outputs"}
    return Output(given["outputs"], parts, {})


def _batch(labels: Tensor) -> Batch:
    count = len(labels)
    return Batch(torch.zeros(count, 1, 4, 4, dtype=torch.uint8), torch.zeros(count, 2), labels, torch.arange(count))
