"""What every part of a model owes to those who train, copy, move and ship it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from threading import Thread
from typing import Any

import torch
from torch import Tensor, nn

from fusekit.models import Output
from fusekit.models.probe import SCALES, not_logits, shaken

#: Runs a part on a batch: ``call(module, inputs)``, every input and output (B, ...).
Call = Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...]]
BATCH = 3


def random_inputs(*shapes: tuple[int, ...]) -> tuple[Tensor, ...]:
    """A batch for each shape (without its batch axis), the same every time."""
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(BATCH, *shape, generator=generator) for shape in shapes)


def check_module(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    call: Call,
    *,
    shape: tuple[str, tuple[int, ...]] | None = None,
    logits: bool = False,
) -> None:
    """Check what every part owes; the module itself is left as it was.

    ``shape`` is that of the first result, after the words that say where it is declared; ``logits`` must be able to lie
    outside of 0 to 1.
    """
    evaluated = deepcopy(module).eval()
    with torch.no_grad():
        if shape is not None:
            check_shape(call(deepcopy(evaluated), inputs)[0], *shape)
        if logits:
            _check_logits(shaken(module).eval(), inputs, call)
        result = _check_evaluation(deepcopy(evaluated), inputs, call)
        # First of all: what a closure shares would show up below as a gradient that arrives nowhere.
        _check_copies(evaluated, inputs, call, result)
        _check_moved(evaluated, inputs, call)
        _check_mixed(deepcopy(evaluated), inputs, call)
        _check_threads(deepcopy(evaluated), inputs, call)
    trained = deepcopy(module).train()
    check_gradients(trained, call(trained, inputs))
    _check_export(deepcopy(evaluated), inputs, call)


def tensors_of(found: Tensor | Output, training: bool) -> tuple[Tensor, ...]:
    """What a head or a model gives: outputs, parts; in training losses, which are of a batch and of no sample; gates.

    Nothing is trained by gates, so they are left out in training.
    """
    if not isinstance(found, Output):
        return (found,)
    return (found.outputs, *found.parts.values(), *(found.losses if training else found.gates).values())


def check_shape(value: Tensor, source: str, shape: tuple[int, ...]) -> None:
    """``source`` says where the shape is declared."""
    assert value.shape == shape, f"its result has shape {tuple(value.shape)}; {source} {shape}"


def _check_logits(moved: nn.Module, inputs: tuple[Tensor, ...], call: Call) -> None:
    results = torch.cat([call(moved, tuple(by * value for value in inputs))[0] for by in SCALES])
    said = not_logits(results)
    assert not said, said


def check_gradients(module: nn.Module, outputs: tuple[Tensor, ...], when: str = "") -> None:
    """Check that every weight learns from what a module gave in training mode; ``when`` ends the messages."""
    for output in outputs:
        assert output.isfinite().all(), f"in training mode, the result of ordinary numbers is not finite{when}"
    # Squares: the sum over a batch-normalised result is constant, and its gradient zero everywhere.
    total = torch.stack([output.square().mean() for output in outputs]).sum()
    if total.requires_grad:
        torch.autograd.backward(total)
    for name, weight in module.named_parameters():
        if weight.requires_grad:
            assert weight.grad is not None, (
                f"no gradient reaches {name!r}{when}: remove it, or use it without detaching"
            )
            assert weight.grad.isfinite().all(), f"the gradient of {name!r} is not finite{when}"


def _check_evaluation(module: nn.Module, inputs: tuple[Tensor, ...], call: Call) -> tuple[Tensor, ...]:
    result = call(module, inputs)
    for first, second in zip(result, call(module, inputs), strict=True):
        assert torch.equal(first, second), "in evaluation mode, the same batch gives another result the second time"
    alone = call(module, tuple(value[:1] for value in inputs))
    for whole, single in zip(result, alone, strict=True):
        assert _near(single, whole[:1], float(whole.abs().max())), (  # kernels differ with the batch size
            "in evaluation mode, a sample's result depends on the others in its batch"
        )
    return result


def _check_copies(module: nn.Module, inputs: tuple[Tensor, ...], call: Call, result: tuple[Tensor, ...]) -> None:
    other = shaken(module)  # of a module that never ran, or the copy would inherit what it remembers
    changed = call(other, inputs)
    assert all(map(torch.equal, call(module, inputs), result)), (
        "changing a deep copy's weights changes the original: something is shared, perhaps through a closure"
    )
    if any(True for _ in module.parameters()):
        assert not all(map(torch.equal, changed, result)), (
            "changing a deep copy's weights changes nothing: the copy still computes with the original's, "
            "perhaps through a closure"
        )
    other.load_state_dict(module.state_dict())
    assert all(map(torch.equal, call(other, inputs), result)), (
        "loading state_dict() does not bring the result back: something learned is neither parameter nor buffer"
    )


def _check_moved(module: nn.Module, inputs: tuple[Tensor, ...], call: Call) -> None:
    """In double precision, and on the meta device: it computes nothing and refuses tensors that stayed on the CPU."""
    moves: tuple[tuple[Any, str, str, str], ...] = (
        (torch.float64, "dtype", "in float64: a tensor is made without its input's dtype", "in float64, the result is"),
        (
            torch.device("meta"),
            "device",
            "on another device: a tensor is made without its input's device, or is no buffer",
            "moved to another device, its result is on",
        ),
    )
    for target, attribute, refused, where in moves:
        try:
            outputs = call(deepcopy(module).to(target), tuple(value.to(target) for value in inputs))
        except RuntimeError as error:
            raise AssertionError(f"it does not run {refused} ({error})") from error
        for output in outputs:
            assert getattr(output, attribute) == target, f"{where} {getattr(output, attribute)}"


def _check_mixed(module: nn.Module, inputs: tuple[Tensor, ...], call: Call) -> None:
    """As ``--precision bf16-mixed`` trains it: products in 16 bits, weights in 32."""
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            outputs = call(module, inputs)
    except RuntimeError as error:
        raise AssertionError(f"it does not run in mixed precision, --precision bf16-mixed ({error})") from error
    for output in outputs:
        assert output.isfinite().all(), "in mixed precision, the result of ordinary numbers is not finite"


def _check_threads(module: nn.Module, inputs: tuple[Tensor, ...], call: Call) -> None:
    """While one call is at a layer, another thread makes a whole one: at the first layer, one midway, the last."""
    layers: list[nn.Module] = []
    handles = [one.register_forward_pre_hook(lambda layer, _: layers.append(layer)) for one in module.modules()]
    alone = call(module, inputs)
    for handle in handles:
        handle.remove()
    others = tuple(value.flip(0) + 1 for value in inputs)
    for layer in {id(layer): layer for layer in layers[:1] + layers[len(layers) // 2 :][:1] + layers[-1:]}.values():
        meanwhile = Thread(target=torch.no_grad()(call), args=(module, others))

        def begin(layer: nn.Module, given: Any, meanwhile: Thread = meanwhile) -> None:
            if meanwhile.ident is None:
                meanwhile.start()
                meanwhile.join()

        with layer.register_forward_pre_hook(begin):
            together = call(module, inputs)
        # To rounding: a part may compute otherwise, and not better, where a hook looks at one of its layers.
        assert all(map(_near, together, alone)), (
            "a call feels another one that runs meanwhile in a second thread: keep what belongs to a call off self"
        )


def _near(value: Tensor, wanted: Tensor, scale: float | None = None) -> bool:
    """Equal to rounding, on the scale of the whole result."""
    scale = float(wanted.abs().max()) if scale is None else scale
    return torch.allclose(value, wanted, rtol=1e-3, atol=1e-4 * scale)


class _Called(nn.Module):
    def __init__(self, module: nn.Module, call: Call):
        super().__init__()
        self.module, self.call = module, call

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return self.call(self.module, inputs)


def check_compiled(module: nn.Module, inputs: tuple[Tensor, ...], call: Call) -> None:
    """Check that torch.compile takes a module as one graph, as ``training.compile=true`` does; nothing is generated."""
    plain = deepcopy(module).eval()
    compiled = torch.compile(_Called(plain, call), backend="eager", fullgraph=True, dynamic=False)
    with torch.no_grad():
        try:
            found = compiled(*inputs)
        except torch._dynamo.exc.TorchDynamoException as error:
            first = str(error).strip().partition("\n")[0]
            raise AssertionError(f"torch.compile cannot take it as one graph ({first})") from error
        finally:
            torch._dynamo.reset()
        for graph, own in zip(found, call(plain, inputs), strict=True):
            assert _near(graph, own), "compiled by torch.compile, it gives another result"


def _check_export(module: nn.Module, inputs: tuple[Tensor, ...], call: Call) -> None:
    with torch.no_grad():
        try:
            program: Any = torch.export.export(_Called(module, call), inputs).module()
        except (RuntimeError, TypeError, ValueError) as error:
            first = str(error).strip().partition("\n")[0]
            raise AssertionError(
                f"torch.export cannot trace it ({first}): let no Python branch depend on the numbers in a tensor"
            ) from error
        for exported, own in zip(program(*inputs), call(module, inputs), strict=True):
            assert _near(exported, own), "exported by torch.export, it gives another result"
