"""The task ``planted``: a table as users describe their own, with a target that is an option."""

from pathlib import Path
from typing import Literal

from fusekit.data import SlicePolicy
from fusekit.data.own.task import OwnTask
from fusekit.data.synthetic import quick
from fusekit.progress import Progress
from fusekit_planted.people import Strengths, draw_people, write_people

_ABOUT = "A disc in each picture and a marker in the table: see fusekit_planted.people for what follows from them."


class PlantedTask(OwnTask):
    """What follows from one sign in the image and one marker in the table, by a formula that is known.

    The cohort is the same whatever is asked of it. ``fusekit_planted.people`` has the formula.

    Args:
        target: ``classes`` (ill or not), ``number`` (a score), ``ordered`` (three grades), ``time`` (to an event), or
            ``late-time`` (the same of those who come under observation before, some of them late).
    """

    synthetic = quick(SlicePolicy(space="fraction", start=0.0, stop=1.0))  # as the TOMLs say; for those who list it

    def __init__(self, *, target: Literal["classes", "number", "ordered", "time", "late-time"] = "number"):
        super().__init__(Path(__file__).with_name("tasks") / f"{target}.toml")
        self.folder = None  # it lies where it was written, not beside the TOML

    def synthesize(
        self,
        folder: Path,
        progress: Progress,
        *,
        seed: int = 0,
        subjects: int = 480,
        image_effect: float = 1.0,
        table_effect: float = 1.0,
        interaction: float = 0.0,
    ) -> None:
        """Write pictures and a table; effects are those of a standard deviation of sign and marker."""
        strengths = Strengths(image_effect, table_effect, interaction)
        write_people(folder, progress, draw_people(seed, subjects, strengths), seed)
        strengths.write_readme(folder, _ABOUT, seed, f"{subjects} people")
