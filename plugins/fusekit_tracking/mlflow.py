"""The tracker ``mlflow``."""

from __future__ import annotations

import os
import time

from fusekit import Run, Underway, hookimpl
from fusekit.errors import OptionError
from fusekit_tracking.entries import final_scores, parameters

# Before the import, which reads some of them; what is set already stays. An unreachable server should cost a training
# seconds, not minutes as by MLflow's defaults; and nothing is reported to MLflow's makers.
for _name, _value in (
    ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2"),
    ("MLFLOW_HTTP_REQUEST_TIMEOUT", "10"),
    ("MLFLOW_DISABLE_TELEMETRY", "true"),
):
    os.environ.setdefault(_name, _value)

try:
    import mlflow
    from mlflow.entities import Metric, Param, RunStatus
    from mlflow.exceptions import MlflowException
except ImportError as error:
    raise OptionError("--track mlflow needs MLflow's client: pip install 'fusekit[tracking]'") from error

#: Files of a run that go to the server; tables with a line per patient stay where they are.
ARTIFACTS = ("report.html", "overview.png", "metrics.json", "manifest.json")


class MLflow:
    """One MLflow run per run: the configuration, every fold's curves, the final scores with intervals, the report.

    MLflow knows where the server is and who logs in: ``MLFLOW_TRACKING_URI`` and its other variables.

    Args:
        experiment: its name; by default what ``MLFLOW_EXPERIMENT_NAME`` says, or the task's name.
        artifacts: whether report, picture, scores and manifest are uploaded.
    """

    def __init__(self, *, experiment: str | None = None, artifacts: bool = True):
        self.experiment, self.artifacts = experiment, artifacts
        uri = mlflow.get_tracking_uri()
        try:
            self.client = mlflow.MlflowClient()  # refuses addresses it does not know, and asks no server yet
        except Exception as error:  # the address is wrong
            raise OptionError(
                f"MLflow's client cannot use {uri!r} ({error}). Name your server, as in "
                "MLFLOW_TRACKING_URI=http://localhost:5000; to keep runs in a local database, pip install mlflow."
            ) from error

    @hookimpl
    def run_started(self, underway: Underway) -> str:
        """Create the run, or find the one of another process or of an interrupted comparison."""
        name = self.experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or underway.config.task_name
        experiment = self._experiment(name)
        found = self.client.search_runs([experiment], f"tags.`fusekit.id` = '{underway.id}'", max_results=1)
        if found:
            self.run: str = found[0].info.run_id
            self.client.update_run(self.run, status=RunStatus.to_string(RunStatus.RUNNING))
        else:
            tags = {
                "fusekit.id": underway.id,
                "arm": underway.config.arm,
                "synthetic": str(underway.synthetic).lower(),
                "mlflow.source.name": "fusekit",
            }
            self.run = self.client.create_run(experiment, tags=tags, run_name=underway.name).info.run_id
            entries = [Param(name, str(value)) for name, value in parameters(underway.config).items()]
            self.client.log_batch(self.run, params=entries)
        return f"{mlflow.get_tracking_uri()}, experiment {name}, run {underway.name}"

    @hookimpl
    def epoch_ended(self, part: str, epoch: int, scores: dict[str, float]) -> None:
        """Log an epoch under its part, in one request."""
        self._log({f"{part}/{name}": value for name, value in scores.items()}, epoch)

    @hookimpl
    def run_ended(self, run: Run | None) -> None:
        """Log the final scores and the files, and close the run."""
        if run is None:
            self.client.set_terminated(self.run, RunStatus.to_string(RunStatus.FAILED))
            return
        self._log(final_scores(run), 0)
        for name in ARTIFACTS if self.artifacts else ():
            if (run.folder / name).exists():
                self.client.log_artifact(self.run, str(run.folder / name))
        self.client.set_terminated(self.run, RunStatus.to_string(RunStatus.FINISHED))

    def _experiment(self, name: str) -> str:
        known = self.client.get_experiment_by_name(name)
        if known is None:
            try:
                return str(self.client.create_experiment(name))
            except MlflowException:  # a run that starts at the same time has created it
                known = self.client.get_experiment_by_name(name)
                if known is None:
                    raise
        return str(known.experiment_id)

    def _log(self, values: dict[str, float], step: int) -> None:
        now = int(time.time() * 1000)  # MLflow counts milliseconds
        self.client.log_batch(self.run, metrics=[Metric(name, value, now, step) for name, value in values.items()])
