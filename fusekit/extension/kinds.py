"""The kinds of components: the one table that ``to``, the catalog, ``fusekit list`` and the reference are made from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of component.

    Args:
        name: ``to.head(...)`` registers one, ``catalog().heads`` knows them, ``fusekit list heads`` lists them.
        title: what messages call it.
        factory: what builds one, in words.
        named_by: where people name one.
        part: what stands before the dot in ``-o part.option=value``; empty if it takes no options.
        check: of ``fusekit.testing``, for authors.
        in_model: whether it is a part of a fusion model.
    """

    name: str
    title: str
    factory: str
    named_by: str
    part: str = ""
    check: str = ""
    in_model: bool = False

    @property
    def plural(self) -> str:
        """Of its name."""
        return f"{self.name}s"


#: In the order in which people meet them.
KINDS = (
    Kind("task", "task", "(*, options...) -> Task", "`fusekit run NAME`", "task", "check_task"),
    Kind("fusion", "fusion", "Fusion(...), or () -> Fusion", "`--fusion NAME`", "", "check_fusion"),
    Kind("baseline", "baseline", "(*, options...) -> Baseline", "`--baseline NAME`", "baseline", "check_baseline"),
    Kind(
        "backbone",
        "backbone",
        "(in_channels, *, sites, options...) -> Backbone",
        "`--backbone NAME`",
        "backbone",
        "check_backbone",
        in_model=True,
    ),
    Kind(
        "encoder",
        "clinical encoder",
        "(columns, *, options...) -> ClinicalEncoder",
        "`Fusion(encoder=NAME)`",
        "encoder",
        "check_encoder",
        in_model=True,
    ),
    Kind(
        "injector",
        "injector",
        "(sites, clinical_width, *, options...) -> Injector",
        "`Fusion(injector=NAME)`",
        "injector",
        "check_injector",
        in_model=True,
    ),
    Kind(
        "head",
        "head",
        "(image_widths, clinical_width, classes, *, options...) -> FusionHead",
        "`Fusion(head=NAME)`",
        "head",
        "check_head",
        in_model=True,
    ),
    Kind("metric", "metric", "() -> Metric", "`Task.metrics`"),
    Kind("tracker", "tracker", "(*, options...) -> an object with hooks of a run", "`--track NAME`", "track"),
)

#: The parts of a model that take options: where an injector meets the backbone, and the parts that plugins bring.
MODEL_PARTS = ("sites", *(kind.part for kind in KINDS if kind.in_model))
