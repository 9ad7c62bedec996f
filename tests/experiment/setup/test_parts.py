"""What is known of a run's parts before any of them is imported."""

from fusekit.data.target import Classes, Target
from fusekit.experiment.setup.parts import OBJECTIVES


def test_the_usual_objectives_are_those_of_every_kind_of_target() -> None:
    kinds = [*Target.__subclasses__(), *Classes.__subclasses__()]
    own = {kind.objective for kind in kinds if kind.__module__.startswith("fusekit.")}
    assert set(OBJECTIVES) == own
