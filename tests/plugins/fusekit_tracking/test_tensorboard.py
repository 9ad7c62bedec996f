"""What TensorBoard's own reader finds in the event files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from fusekit import Run, Underway
from fusekit.experiment.setup.trackers import Followers
from fusekit.progress import Quiet


def read(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder)).Reload()


def curve(folder: Path, name: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in read(folder).Scalars(name)]


def test_every_fold_is_a_run_of_its_own_with_its_epochs(
    underway: Callable[..., Underway], written: Run, finished: Run, tmp_path: Path
) -> None:
    with Followers(underway("tensorboard"), Quiet()) as followers:
        for fold in (0, 1):
            for epoch in (1, 2, 3):
                followers.epoch_ended(f"fold-{fold}", written, epoch, {"loss": fold + 1 / epoch, "accuracy": 0.5})
                home = tmp_path / "runs" / "tensorboard" / "compare-1" / "rbca-seed-0"
                assert len(curve(home / f"fold-{fold}", "loss")) == epoch  # on disk at once: somebody is watching
        followers.run_ended(finished)
    runs = {str(Path(where).relative_to(home)) for where, _, files in os.walk(home) if files}
    assert runs == {".", "fold-0", "fold-1"}
    assert curve(home / "fold-1", "loss") == [(1, 2.0), (2, 1.5), (3, pytest.approx(4 / 3))]
    assert curve(home / "fold-0", "accuracy") == [(1, 0.5), (2, 0.5), (3, 0.5)]
    final = read(home)
    scores = {name: final.Scalars(name)[0].value for name in final.Tags()["scalars"]}
    assert scores == {"subject/auc": 0.75, "subject/auc-low": 0.5, "subject/auc-high": 1.0}
    content = final.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    entries = HParamsPluginData.FromString(content).session_start_info.hparams
    assert entries["fusion"].string_value == "rbca"
    assert entries["injector.reduction"].string_value == "shared"
    assert entries["search.lr"].string_value == "1.0,2.0"
    assert entries["epochs"].number_value == underway("tensorboard").config.epochs
    assert entries["synthetic"].string_value == "true"
    assert "SYNTHETIC cohort" in final.Tensors("run/text_summary")[0].tensor_proto.string_val[0].decode()


def test_a_fold_that_starts_over_hides_what_it_wrote_before(
    underway: Callable[..., Underway], written: Run, tmp_path: Path
) -> None:
    for loss, epochs in ((9.0, (1, 2, 3)), (1.0, (1, 2))):
        followers = Followers(underway("tensorboard", options={"track": {"folder": str(tmp_path / "tb")}}), Quiet())
        for epoch in epochs:
            followers.epoch_ended("fold-0", written, epoch, {"loss": loss})
        followers.run_ended(None)
    assert curve(tmp_path / "tb" / "compare-1" / "rbca-seed-0" / "fold-0", "loss") == [(1, 1.0), (2, 1.0)]
    assert not (tmp_path / "runs").exists()
