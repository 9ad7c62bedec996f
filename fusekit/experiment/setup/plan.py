"""A configuration turned into parts, so that mistakes are reported before any data are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from torch import nn

from fusekit.baselines.choice import ColumnOptions
from fusekit.baselines.stack import StackOptions
from fusekit.data import Classes, Cohort, ColumnLayout, SlicePolicy, Target, Task
from fusekit.data.absence import Modality, united
from fusekit.data.hide import AbsenceOptions
from fusekit.data.images.channels import IMAGE, Channel
from fusekit.data.target.follow_up import ENTRY, refuse_late_entry
from fusekit.errors import OptionError
from fusekit.evaluation import Metric, Rule
from fusekit.experiment.setup.candidates import candidates
from fusekit.experiment.setup.parts import open_task
from fusekit.experiment.setup.settings import Settings
from fusekit.experiment.setup.space import require_optuna
from fusekit.experiment.setup.trackers import open_trackers
from fusekit.extension import COMPONENTS, catalog
from fusekit.extension.fusion import Fusion, registered
from fusekit.extension.registry import make
from fusekit.models import FusionModel, build
from fusekit.models.probe import check_model, outlined
from fusekit.training import ALONE, AugmentOptions, Objective, Processes, TrainingOptions
from fusekit.training.step.compiled import require_compiler
from fusekit.training.step.descent import weight_groups

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from fusekit.baselines import Baseline

_COLUMNS = 64  # of models that are tried before the cohort's are known


@dataclass(frozen=True)
class Plan:
    """What a run will do."""

    config: Settings
    task: Task
    metrics: Mapping[str, Metric]
    slices: SlicePolicy
    training: TrainingOptions
    augment: AugmentOptions
    fabric: Fabric
    processes: Processes = ALONE

    def epochs(self, slices: int) -> int:
        """Passes over so many training slices: as set, or as ``training.steps`` needs."""
        return self.config.epochs or self.training.epochs(-(-slices // (self.config.batch_size * self.processes.size)))

    @property
    def synthetic(self) -> bool:
        """Whether the cohort is an invented one."""
        return self.config.data is None

    @property
    def recipe(self) -> Fusion:
        """Of the fusion."""
        return registered(self.config.fusion)

    @property
    def target(self) -> Target:
        """What is predicted, as a network puts it out."""
        return self.build_objective([1] * self.task.target.outputs).trained(self.task.target)

    @property
    def pooled(self) -> bool:
        """Whether a sample is a scan, whose slices a pool joins, and not a slice."""
        return not self.config.baseline and self.recipe.pool is not None

    @property
    def columns(self) -> ColumnOptions:
        """Which columns the encoder reads."""
        return ColumnOptions(**self._options("columns"))

    @property
    def stack(self) -> StackOptions:
        """What is stacked on the network."""
        return StackOptions(**self._options("stack"))

    @property
    def prior_options(self) -> dict[str, Any]:
        """Options of the baseline that the network starts from."""
        return self._options("prior")

    def absent(self, cohort: Cohort | None = None) -> tuple[Modality, ...]:
        """What samples may lack: as the cohort's scans, as is known before it is read, and in training."""
        declared = AbsenceOptions(**self.config.of_part(self.task, "absence")).absent
        return united(declared, self.task.absent, self.training.dropped, cohort.absent if cohort else ())

    def build_model(
        self,
        columns: int | ColumnLayout,
        channels: int,
        ready: Mapping[str, nn.Module] | None = None,
        *,
        people: int | None = None,
        reads: Sequence[int] | None = None,
        absent: Sequence[Modality] = (),
    ) -> FusionModel:
        """Build the untrained model for encoded clinical columns and so many channels; the rest as for ``build``."""
        return build(
            self.config.fusion,
            backbone=self.config.backbone,
            columns=columns,
            classes=self.target.outputs,
            in_channels=channels,
            image_size=self.config.image_size,
            people=people,
            reads=reads,
            absent=absent,
            options={part: self.config.of_part(self.task, part) for part in ("sites", *COMPONENTS)},
            ready=ready,
        )

    def try_model(self, channels: Sequence[Channel]) -> None:
        """Refuse, by OptionError, a model whose parts do not fit each other, or images of such channels."""
        if (absent := self.absent()) and not self.recipe.absence:
            raise OptionError(
                f"the fusion {self.config.fusion!r} takes no scan without {' and none without '.join(absent)}: leave "
                "them out (rows_without_image, absence, training.drop_image, training.drop_table), or take another."
            )
        asked = self.build_objective([1] * self.target.outputs).part_names
        try:
            model = outlined(partial(self.build_model, _COLUMNS, len(channels), absent=absent))
            model.add_auxiliary(asked, self.target.outputs)
            dims = 2 if model.backbone is None else model.backbone.spatial_dims
            if model.backbone is not None:
                self.slices.check_backbone(self.config.backbone, dims)
            weight_groups(model, self.config.lr, self.training)
            size = (self.config.image_size,) * dims
            check_model(model, size, partial(self.build_model, _COLUMNS, len(channels)))
        except OptionError as error:
            if len(channels) == 1:
                raise
            listed = ", ".join(channel.name for channel in channels)
            raise OptionError(f"with {len(channels)} channels ({listed}), {error}") from error

    def try_again(self, channels: Sequence[Channel]) -> None:
        """``try_model`` with a cohort's channels, where they are more or fewer than was known before it was read."""
        if not self.config.baseline and len(channels) != len(self.expected_channels):
            self.try_model(channels)

    @property
    def expected_channels(self) -> tuple[Channel, ...]:
        """The channels of a scan of one image, as far as they are known before the cohort is read."""
        return self.slices.channels((IMAGE,))

    def refuse_late_entry(self, cohort: Cohort) -> None:
        """Refuse, by OptionError, parts that take everyone as followed from the start, where entry is delayed."""
        if ENTRY not in cohort.scans:
            return
        parts: dict[str, object] = {f"the metric {name}": metric for name, metric in self.metrics.items()}
        if self.config.baseline:
            parts[f"the baseline {self.config.baseline}"] = self.build_baseline()
        else:
            objective = self.config.objective or self.task.target.objective
            parts[f"the objective {objective}"] = self.build_objective([1] * self.target.outputs)
            if self.recipe.prior is not None:
                parts[f"the prior {self.recipe.prior}"] = self.build_prior()
            if self.columns.most:
                parts[f"the baseline {self.columns.by}, which chooses columns,"] = self.build_chooser()
        for what, part in parts.items():
            refuse_late_entry(what, part)

    def build_objective(self, subjects: Sequence[int]) -> Objective:
        """Build what is made small, for so many training subjects of each class."""
        name, options = self.config.objective or self.task.target.objective, self.config.of_part(self.task, "objective")
        made = make(f"the objective {name!r}", catalog().objectives.get(name), subjects, **options)
        if not isinstance(made, Objective):
            raise OptionError(f"the objective {name!r} is built as a {type(made).__name__}; an Objective is needed.")
        refuse_unfit(f"the objective {name}", made.targets, self.task)
        return made

    def build_baseline(self) -> Baseline:
        """Build the classical model that is trained instead of a network."""
        return self._baseline(self.config.baseline, self.config.options.get("baseline", {}))

    def build_prior(self) -> Baseline:
        """Build the baseline that the network starts from."""
        return self._baseline(str(self.recipe.prior), self.prior_options, counterpart=True)

    def build_chooser(self) -> Baseline:
        """Build the baseline whose columns the encoder reads."""
        return self._baseline(self.columns.by, counterpart=True)

    def build_stack(self) -> Baseline:
        """Build the baseline that reads the table and what the network says."""
        return self._baseline(self.stack.by)

    def _baseline(
        self, name: str, options: Mapping[str, Any] = MappingProxyType({}), *, counterpart: bool = False
    ) -> Baseline:
        kind = self.task.target.kind
        made: Baseline = catalog().baselines.make(name, **options)
        if counterpart and kind not in made.targets and kind in made.counterparts:
            made = catalog().baselines.make(made.counterparts[kind], **options)
        refuse_unfit(f"the baseline {name}", made.targets, self.task)
        return made

    def _options(self, part: str) -> dict[str, Any]:
        return {**self.recipe.options.get(part, {}), **self.config.of_part(self.task, part)}


def refuse_unfit(what: str, takes: Sequence[str], task: Task) -> None:
    """Raise OptionError where a metric, objective or baseline is for other targets than the task's."""
    if task.target.kind not in takes:
        raise OptionError(
            f"{what} is for the target {' or '.join(takes)}, and that of this task is {task.target.kind}."
        )


def make_plan(config: Settings, task: Task | None = None) -> Plan:
    """Check every name and option of a configuration, and build its parts; OptionError if one does not fit.

    A ``task`` that is built already is not opened by its name.
    """
    from fusekit.training.machines.fabric import fabric_for

    task = task or open_task(config.task, config.options)
    plan = Plan(
        config=config,
        task=task,
        metrics={name: catalog().metrics.make(name) for name in task.metrics},
        slices=config.slice_policy(task),
        training=TrainingOptions(**config.of_part(task, "training")),
        augment=AugmentOptions(**config.of_part(task, "augment")),
        fabric=fabric_for(config.device, config.precision, config.devices, config.nodes),
    )
    for name, metric in plan.metrics.items():
        refuse_unfit(f"the metric {name}", metric.targets, task)
    if plan.augment.flip and plan.slices.plane == "sagittal":
        raise OptionError(
            "augment.flip mirrors left and right, and a sagittal slice shows front and back. Leave it out, or choose "
            "slices.plane=coronal, axial or volume."
        )
    if plan.training.sampler == "balanced" and not task.classes:
        raise OptionError(
            f"training.sampler=balanced is for classes, and this task predicts {task.target.words}. Leave it out."
        )
    if plan.training.sampler == "balanced" and config.of_part(task, "objective").get("class_weights") == "balanced":
        raise OptionError(
            "training.sampler=balanced and objective.class_weights=balanced do the same: together, a rare class would "
            "count for more than a frequent one. Choose one of the two."
        )
    if plan.training.compile:
        require_compiler()
        if plan.pooled:
            raise OptionError(
                f"training.compile=true makes a graph of one size, and {config.arm} reads scans of different numbers "
                "of slices. Leave one of the two out."
            )
        if config.devices * config.nodes > 1 and plan.training.sync_batchnorm:
            raise OptionError(
                "training.compile=true makes one graph, which cannot hold batch normalisation over several devices; "
                "add -o training.sync_batchnorm=false."
            )
    if config.epochs is not None and plan.training.warmup >= config.epochs:
        raise OptionError(f"training.warmup={plan.training.warmup:g} leaves none of {config.epochs} epochs.")
    open_trackers(config)
    plan.slices.check_size(config.image_size)
    Rule(config.aggregate).check(task.target.columns)
    if config.threshold == "youden" and len(task.classes) != 2:
        raise OptionError(
            f"--threshold youden parts two classes, and {config.task_name} has {len(task.classes) or 'none'}."
        )
    if config.baseline:
        plan.build_baseline()
        return plan
    if plan.stack.by and task.target.kind != Classes.kind:  # no bundle holds one
        raise OptionError(
            f"the fusion {config.fusion} stacks {plan.stack.by} on a network, which is for classes without an order. "
            "Take another fusion."
        )
    if plan.recipe.prior and plan.build_prior().reads_image:
        raise OptionError(f"a prior reads the table alone, and {plan.recipe.prior} reads the image, too; take another.")
    if plan.columns.most:
        plan.build_chooser()
    if plan.stack.by and plan.build_stack().reads_image:
        raise OptionError(
            f"a stack reads the table and the network, and {plan.stack.by} reads the image; take another."
        )
    if plan.stack.by and plan.training.members > 1:
        raise OptionError(
            f"the fusion {config.fusion} stacks {plan.stack.by} on one network: leave training.members out."
        )
    if config.search:
        require_optuna()
        if "training.members" in config.search:
            raise OptionError(
                "--search scores one network per trial, so that it says nothing of training.members: give -o "
                "training.members=N beside it, and what was chosen is trained so often."
            )
        for _, candidate in candidates(config):
            if make_plan(candidate).stack.by:
                raise OptionError(
                    f"--search does not apply to {config.arm} with stack.by: each trial would train several networks. "
                    "Search with the network alone (-o stack.by=), then give what was chosen."
                )
    plan.try_model(plan.expected_channels)
    return plan
