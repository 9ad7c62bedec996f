"""The tracker ``tensorboard``."""

from pathlib import Path
from weakref import finalize

from fusekit import Run, Underway, hookimpl
from fusekit.errors import OptionError
from fusekit_tracking.entries import final_scores, parameters

try:
    from torch.utils.tensorboard import SummaryWriter
except ImportError as error:
    raise OptionError("--track tensorboard needs TensorBoard: pip install 'fusekit[tracking]'") from error


class TensorBoard:
    """Event files: every fold's curves as a run of its own, and the final scores beside the configuration.

    Args:
        folder: what ``tensorboard --logdir`` is given; by default ``tensorboard`` beside the run folders.
    """

    def __init__(self, *, folder: Path | None = None):
        self.folder = folder
        self._part = ""
        self._writer: SummaryWriter | None = None

    @hookimpl
    def run_started(self, underway: Underway) -> str:
        """Find the folder; it is made with the first epoch."""
        self.home = (self.folder or underway.home / "tensorboard").absolute()
        return f"tensorboard --logdir {self.home}"

    @hookimpl
    def epoch_ended(self, underway: Underway, part: str, epoch: int, scores: dict[str, float]) -> None:
        """Write an epoch, on disk when this returns."""
        if part != self._part or self._writer is None:
            self._close()
            # An interrupted fold that starts over hides what it wrote before.
            self._writer = SummaryWriter(self.home / underway.name / part, purge_step=epoch)
            self._part = part
            finalize(self, self._writer.close)  # a process that trains single folds sees no end of a run
        for name, value in scores.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    @hookimpl
    def run_ended(self, underway: Underway, run: Run | None) -> None:
        """Write the final scores with the configuration, for the page HPARAMS."""
        self._close()
        if run is None:
            return
        scores, entries = final_scores(run), parameters(underway.config)
        entries["synthetic"] = str(underway.synthetic).lower()
        with SummaryWriter(self.home / underway.name) as writer:
            writer.add_hparams(entries, scores, run_name=".")
            kind = "SYNTHETIC cohort: these numbers say nothing about patients" if underway.synthetic else "Cohort"
            writer.add_text("run", f"{kind}, in `{run.folder}`")

    def _close(self) -> None:
        if self._writer:
            self._writer.close()
        self._writer = None
