"""Pictures of the explanations that run folders hold: whatever is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fusekit.errors import attempt
from fusekit.report.drawing.picture import Picture
from fusekit.report.evidence import Evidence
from fusekit.report.explanations.attributions import attributions
from fusekit.report.explanations.examples import examples
from fusekit.report.explanations.folder import Explained
from fusekit.report.explanations.gates import gates
from fusekit.report.explanations.slice_weights import slice_weights
from fusekit.report.explanations.what_if import mean_maps, what_if
from fusekit.report.formatting import file_names

#: Kinds of pictures in the order of a report; where files are missing, nothing is drawn.
KINDS: dict[str, Callable[[Explained], Iterable[Picture]]] = {
    "examples": examples,
    "what-if maps": what_if,
    "weights of slices": slice_weights,
    "mean maps": mean_maps,
    "attributions": attributions,
    "gates": gates,
}


def explanations(evidence: Evidence, failed: Callable[[str], None] | None = None) -> list[Picture]:
    """Draw the explanations of the first seed of every arm, kind by kind: examples of all arms come first.

    ``failed`` gets a sentence for each kind that cannot be drawn.
    """
    names = file_names(evidence.names)
    kinds: dict[str, list[Picture]] = {kind: [] for kind in KINDS}
    for arm in evidence.arms:
        folder = arm.runs[0].explanations
        if folder is None:
            continue
        with attempt(f"the explanations of {arm.name}", failed):
            own = Explained.read(folder, arm.name, names[arm.name], evidence)
            for kind, draw in KINDS.items():
                with attempt(f"the {kind} of {arm.name}", failed):
                    kinds[kind] += draw(own)
    return [picture for pictures in kinds.values() for picture in pictures]
