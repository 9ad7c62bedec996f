"""What RBCA costs on ResNet-50: against the plain network, and against the 13 convolutions that it adds.

Run from the repository's root: ``python -m benchmarks.rbca --json rbca.json``; ``--compile`` for ``torch.compile``.

A training step is forward and backward, without the optimiser. For inference every batch norm is folded into the
convolution before it, in all networks (FuseKit's attention folds its own, each time). Times are taken in turns and
each ratio is of one round, so that other work on the machine slows both sides.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

import fusekit
from benchmarks.timing import interleaved, ratio, table
from fusekit.models import TimmBackbone, channels_last, weights_channels_last
from fusekit_rbca.attention import PublishedAttention

COLUMNS, CLASSES = 29, 2
PLAIN = "ResNet-50"
TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Plain(nn.Module):
    """timm's network, which reads no columns."""

    def __init__(self) -> None:
        super().__init__()
        self.net = timm.create_model("resnet50", in_chans=1, num_classes=CLASSES)

    def forward(self, image: Tensor, columns: Tensor) -> Tensor:
        return self.net(image)


class Extra(nn.Module):
    """timm's network and the 13 convolutions, with nothing that makes them an attention."""

    def __init__(self, *, product: bool) -> None:
        super().__init__()
        self.backbone = TimmBackbone("resnet50", 1, sites="branch")
        sites = [(i, site) for i, site in enumerate(self.backbone.sites) if site.stage > 1]
        self.extra = nn.ModuleDict(
            {str(i): nn.Conv2d(site.channels, site.channels, 1, bias=False) for i, site in sites}
        )
        self.classify = nn.Linear(self.backbone.width, CLASSES)
        self.product = product

    def forward(self, image: Tensor, columns: Tensor) -> Tensor:
        return self.classify(self.backbone(image, self.inject).vector)

    def inject(self, site: int, features: Tensor) -> Tensor:
        if str(site) not in self.extra:
            return features
        convolution: Any = self.extra[str(site)]
        if self.product:
            return linear(features.movedim(1, -1), convolution.weight.flatten(1)).movedim(-1, 1)
        return convolution(features)


def rbca() -> nn.Module:
    return fusekit.build("rbca", backbone="resnet50", columns=COLUMNS, classes=CLASSES)


def literal() -> nn.Module:
    """As published, within the same backbone: two reductions, two norms, a product map, a concatenation."""
    model = rbca()
    model.injector.attentions = nn.ModuleList(
        PublishedAttention(attention.reduce.in_channels) for attention in model.injector.attentions
    )
    return model


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    PLAIN: Plain,
    "+ 13 convolutions": partial(Extra, product=False),
    "+ 13 matrix products": partial(Extra, product=True),
    "RBCA as published": literal,
    "RBCA of FuseKit": rbca,
}


def folded(model: nn.Module) -> nn.Module:
    """Batch norms that directly follow a convolution folded into it, in place."""
    for parent in model.modules():
        for (_, convolution), (name, norm) in pairwise(list(parent.named_children())):
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and name != "norm":
                statistics = norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
                convolution.weight, convolution.bias = fuse_conv_bn_weights(convolution.weight, None, *statistics)
                setattr(parent, name, nn.Identity())
    return model


class Roofline(TorchDispatchMode):
    """Adds up multiply-adds, and the seconds that each operation needs for its arithmetic or for its bytes."""

    def __init__(self, rate: float, bandwidth: float) -> None:
        super().__init__()
        self.rate, self.bandwidth, self.multiply_adds, self.seconds = rate, bandwidth, 0.0, 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        count = flop_registry.get(func._overloadpacket)
        if count is None:
            with self:  # without autograd, a convolution arrives whole, as what it is made of
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        out = func(*args, **kwargs)
        if not func.is_view:
            flops = count(*args, **kwargs, out_val=out) if count else 0
            tensors = [leaf for leaf in tree_leaves((args, kwargs, out)) if isinstance(leaf, Tensor)]
            moved = sum({id(tensor): tensor.nbytes for tensor in tensors}.values())
            self.multiply_adds += flops / 2
            self.seconds += max(flops / self.rate, moved / self.bandwidth)
        return out


def ceilings(device: str, dtype: torch.dtype) -> tuple[float, float]:
    """Operations a second of a large matrix product, and bytes a second (read and written) of a large copy."""
    size = 2048 if device == "cpu" else 8192
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    source = torch.randn(2**26, device=device)
    target = torch.empty_like(source)
    times = interleaved({"product": lambda: a @ b, "copy": lambda: target.copy_(source)}, 3, device)
    return 2 * size**3 / min(times["product"]), 2 * source.nbytes / min(times["copy"])


def saved_bytes(model: nn.Module, forward: Callable[[], Tensor]) -> int:
    """What backward keeps of one forward pass: every storage once, without weights, their casts and statistics."""
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    weights = {_sizes(value) for value in model.parameters() if value.ndim > 1}
    kept: dict[int, Tensor] = {}  # held, or a freed one's address would come again

    def pack(tensor: Tensor) -> Tensor:
        if _sizes(tensor) not in weights:
            kept.setdefault(tensor.untyped_storage().data_ptr(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        forward()
    return sum(tensor.untyped_storage().nbytes() for address, tensor in kept.items() if address not in own)


def _sizes(tensor: Tensor) -> tuple[int, ...]:
    """What a weight, its transpose and its cast have in common, as a matrix or with a kernel of one pixel."""
    return tuple(sorted(size for size in tensor.shape if size > 1))


def peak_bytes(work: Callable[[], object], device: str) -> int | None:
    """What a run needs beyond what was there before; None on CPUs, where a process keeps memory that it freed."""
    if device != "cuda":
        return None
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    work()
    return torch.cuda.max_memory_allocated() - before


def measure(options: argparse.Namespace, kind: str, compiled: bool) -> list[dict[str, Any]]:
    """One row a network: times, ratios to the plain one, memory, the roofline."""
    device, dtype = options.device, TYPES[kind]
    torch.manual_seed(0)
    image = channels_last(torch.randn(options.batch, 1, options.size, options.size, device=device))
    columns = torch.randn(options.batch, COLUMNS, device=device)
    labels = torch.arange(options.batch, device=device) % CLASSES
    rate, bandwidth = ceilings(device, dtype)

    def cast() -> AbstractContextManager[object]:
        return torch.autocast(device, dtype) if dtype is not torch.float32 else nullcontext()

    def forward(model: nn.Module) -> Tensor:
        with cast():
            return cross_entropy(model(image, columns), labels)

    def train(model: nn.Module) -> None:
        model.zero_grad()
        forward(model).backward()

    def infer(model: nn.Module) -> None:
        with cast(), torch.inference_mode():
            model(image, columns)

    rows: list[dict[str, Any]] = []
    networks = {name: weights_channels_last(build().to(device)) for name, build in NETWORKS.items()}
    ready = {name: torch.compile(model) if compiled else model for name, model in networks.items()}
    for name, model in networks.items():
        train(ready[name])  # compiled now if at all: the second run is the one to measure
        with Roofline(rate, bandwidth) as roofline:
            train(model)
        count = {"multiply_adds": roofline.multiply_adds, "train_bound": roofline.seconds}
        rows.append({"network": name, "type": kind, "compiled": compiled, **count})
        rows[-1]["saved"] = saved_bytes(model, partial(forward, ready[name]))
        rows[-1]["peak"] = peak_bytes(partial(train, ready[name]), device)
    times = {"train": interleaved({n: partial(train, m) for n, m in ready.items()}, options.pairs, device)}
    networks = {name: folded(model.eval()) for name, model in networks.items()}
    ready = {name: torch.compile(model) if compiled else model for name, model in networks.items()}
    times["infer"] = interleaved({n: partial(infer, m) for n, m in ready.items()}, options.pairs, device)
    for row in rows:
        with Roofline(rate, bandwidth) as roofline:
            infer(networks[row["network"]])
        row |= {"infer_bound": roofline.seconds, "rate": rate, "bandwidth": bandwidth}
        row |= {"infer_multiply_adds": roofline.multiply_adds, "saved_ratio": row["saved"] / rows[0]["saved"]}
        for what, each in times.items():
            row[what] = each[row["network"]]
            row[f"{what}_ratio"] = ratio(each, row["network"], PLAIN)
    return rows


def shown(row: dict[str, Any], batch: int) -> list[str]:
    """A row of the table: ratio to the plain network with least and greatest, seconds, and share of the roofline."""
    cells = [row["network"], f"{row['infer_multiply_adds'] / batch / 1e9:.2f} G"]
    for what in ("train", "infer"):
        middle, least, greatest = row[f"{what}_ratio"]
        spent = median(row[what])
        cells += [f"{middle:.3f} ({least:.3f}-{greatest:.3f})", f"{spent:.3f}", f"{row[f'{what}_bound'] / spent:.0%}"]
    peak = "-" if row["peak"] is None else f"{row['peak'] / 1e6:,.0f}"
    return [*cells, f"{row['saved_ratio']:.3f}", f"{row['saved'] / 1e6:,.0f}", peak]


HEADS = ["", "MAC", "train", "s", "roof", "infer", "s", "roof", "saved", "MB", "peak MB"]


def processor() -> str:
    """Its name, and whether it multiplies bfloat16 itself."""
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else ""
    name = re.search(r"model name\s*: (.*)", text)
    native = bool(re.search(r"\b(avx512_bf16|amx_bf16|bf16)\b", text))
    return f"{name[1] if name else platform.machine()}, bfloat16 {'native' if native else 'not native (emulated)'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--types", default="fp32,bf16")
    parser.add_argument("--compile", action="store_true", help="torch.compile instead of eager")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    machine = torch.cuda.get_device_name() if options.device == "cuda" else f"{processor()}; one thread, CPU time"
    print(f"{machine}; torch {torch.__version__}, timm {timm.__version__}")
    print(f"batch {options.batch} of {options.size} x {options.size}, channels last, {options.pairs} rounds in turns")
    rows: list[dict[str, Any]] = []
    for kind in options.types.split(","):
        found = measure(options, kind, options.compile)
        rows += found
        print(f"\n{kind}, {'torch.compile' if options.compile else 'eager'}", end=": ")
        print(f"product {found[0]['rate'] / 1e9:.0f} GFLOP/s, copy {found[0]['bandwidth'] / 1e9:.1f} GB/s")
        print(table(HEADS, [shown(row, options.batch) for row in found]), flush=True)
    print(f"\nload {os.getloadavg()[0]:.1f} at the end")
    if options.json:
        given = {key: value for key, value in vars(options).items() if key != "json"}
        options.json.write_text(json.dumps({"machine": machine, "options": given, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
