"""How networks are trained unless a setting says otherwise: as published, or by what was found to learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from fusekit.experiment.setup import parts
from fusekit.experiment.setup.given import merge
from fusekit.extension.fusion import registered

if TYPE_CHECKING:
    from fusekit.data.task import Preset, Task

Name = Literal["paper", "tuned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPreset:
    """Settings of a training, and options of parts where an arm has the part and the option."""

    backbone: str
    epochs: int | None  # None: as many as ``training.steps`` needs
    batch_size: int
    lr: float
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))


#: Yang et al. 2021; it gives no batch size.
PAPER = TrainingPreset(backbone="resnet50", epochs=100, batch_size=16, lr=1e-4)
#: Found by the search in ``benchmarks/tuning``; docs/explanation/tuned-preset.md has its protocol and every result.
TUNED = TrainingPreset(
    backbone="resnet10t-narrow",
    epochs=None,
    batch_size=32,
    lr=1e-3,
    options={
        "training": {"weight_decay": 0.05, "schedule": "one-cycle", "ema": 0.99},
        "augment": {"flip": 0.5, "rotate": 8.0, "shift": 0.05, "scale": 0.08, "intensity": 0.1, "noise": 0.05},
        "encoder": {"width": 64, "scale": 0.2, "drop_columns": 0.2, "weight_decay": 10.0},
    },
)


PRESETS: Mapping[Name, TrainingPreset] = MappingProxyType({"paper": PAPER, "tuned": TUNED})


def preset_name(task: Task, values: Mapping[str, Any]) -> Name:
    """The preset that was asked for; else ``paper`` for real data of a published task, and ``tuned``."""
    published = bool(values.get("data")) and task.preset == "paper"
    found: Name = values.get("preset") or ("paper" if published else "tuned")
    return found


def own_of(task: Task, data: object) -> Preset:
    """What a task says itself, for real or for synthetic data."""
    return task.paper if data else task.synthetic


def settings_of(task: Task, name: Name, data: object) -> dict[str, Any]:
    """What a preset says of settings; what the task says itself wins over it."""
    own, trained = own_of(task, data), PRESETS[name]
    found: dict[str, Any] = {"preset": name, "image_size": own.image_size}
    for setting in ("backbone", "epochs", "batch_size", "lr"):
        said = getattr(own, setting)
        found[setting] = getattr(trained, setting) if said is None else said
    return found


def options_of(task: Task, values: Mapping[str, Any], part: str) -> dict[str, Any]:
    """What the preset says of a part's options: nothing of a part that the fusion's recipe sets, or that has others."""
    if part == "slices":
        return own_of(task, values.get("data")).slices.as_json()
    own = dict(PRESETS[values["preset"]].options.get(part, {}))
    if not own or values.get("baseline"):
        return {}
    if part == "augment" and _fixed(values):
        return {}
    if part == "augment" and _sagittal(task, values):
        own.pop("flip", None)
    if part in ("training", "augment"):
        return own
    has = parts.parts_of(values)
    takes = parts.options_of(part, has[part]) if part in has else None
    return own if takes and own.keys() <= takes and not registered(values["fusion"]).options.get(part) else {}


def _fixed(values: Mapping[str, Any]) -> bool:
    """Whether nothing of the image network learns, so that features are computed once, of images as they are."""
    recipe = registered(values["fusion"])
    given = values.get("options", {}).get("backbone", {})
    return recipe.injector is None and {**recipe.options.get("backbone", {}), **given}.get("freeze") == "all"


def _sagittal(task: Task, values: Mapping[str, Any]) -> bool:
    """Whether slices show front and back, so that a mirrored one is no other patient's."""
    given = values.get("options", {}).get("slices", {})
    return str(merge(options_of(task, values, "slices"), given)["plane"]) == "sagittal"
