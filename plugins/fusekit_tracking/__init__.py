"""Trackers: TensorBoard and MLflow, through their own clients (``pip install 'fusekit[tracking]'``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fusekit.extension import hookimpl

if TYPE_CHECKING:
    from fusekit.extension import Register


@hookimpl
def register(to: Register) -> None:
    """By reference: a client is imported when its tracker is named."""
    to.tracker("tensorboard", "fusekit_tracking.tensorboard:TensorBoard", "event files for TensorBoard")
    to.tracker("mlflow", "fusekit_tracking.mlflow:MLflow", "a run on the MLflow server that MLFLOW_TRACKING_URI names")
