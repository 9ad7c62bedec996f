"""The kinds of components: the one table that ``to``, the catalog, ``fusekit list`` and the reference are made from."""

from typing import NamedTuple


class Kind(NamedTuple):
    """One kind: ``to.head(...)`` registers, ``catalog().heads`` and ``fusekit list heads`` have what is registered."""

    name: str
    factory: str  # what builds one, in words
    named_by: str  # where people name one
    part: str = ""  # before the dot in ``-o part.option=value``; empty: it takes no options

    @property
    def plural(self) -> str:
        """``heads``."""
        return f"{self.name}s"


_MODEL = (
    Kind("backbone", "(in_channels, *, sites, image_size, options...) -> Backbone", "`--backbone NAME`", "backbone"),
    Kind(
        "encoder", "(columns, *, layout, people, options...) -> ClinicalEncoder", "`--fusion NAME+ENCODER`", "encoder"
    ),
    Kind("injector", "(sites, clinical_width, *, options...) -> Injector", "`Fusion(injector=…)`", "injector"),
    Kind("pool", "(image_widths, clinical_width, *, options...) -> Pool", "`--fusion NAME+POOL`", "pool"),
    Kind("head", "(image_widths, clinical_width, classes, *, options...) -> FusionHead", "`Fusion(head=…)`", "head"),
)
#: In the order in which people meet them.
KINDS = (
    Kind("task", "(*, options...) -> Task", "`fusekit run NAME`", "task"),
    Kind("fusion", "Fusion(...), or () -> Fusion", "`--fusion NAME`"),
    Kind("baseline", "(*, options...) -> Baseline", "`--baseline NAME`", "baseline"),
    *_MODEL,
    Kind("objective", "(subjects, *, options...) -> Objective", "`--objective NAME`", "objective"),
    Kind("metric", "() -> Metric", "`Task.metrics`"),
    Kind("tracker", "(*, options...) -> an object with hooks of a run", "`--track NAME`", "track"),
)
#: The parts of a model that plugins bring.
COMPONENTS = tuple(kind.part for kind in _MODEL)
#: The parts of a fusion that take options: where an injector meets the backbone, which columns the encoder reads, the
#: baseline that the network starts from, the one that is stacked on it, and the parts that plugins bring.
MODEL_PARTS = ("sites", "columns", "prior", "stack", *COMPONENTS)
#: Part -> keyword-only parameters of its factory that are no options: FuseKit gives them where the factory has them.
GIVEN_OPTIONS = {"backbone": ("sites", "image_size"), "encoder": ("layout", "people")}
