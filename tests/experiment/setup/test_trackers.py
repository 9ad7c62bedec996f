"""Who is told what of a run, and what becomes of a run when a tracker fails."""

from __future__ import annotations

import json
import pickle
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import fusekit
from fusekit import Run, Underway, hookimpl
from fusekit.errors import FusekitError, OptionError, PluginError, UnknownName
from fusekit.experiment.setup.given import read_config
from fusekit.experiment.setup.plan import make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.experiment.setup.trackers import Followers, followers_of, open_trackers
from fusekit.extension import PluginHost, catalog
from fusekit.progress import Quiet

pytestmark = pytest.mark.usefixtures("unexplained")

SMALL: dict[str, Any] = {
    "task": "adni-ad",
    "fusion": "clinical-only",
    "backbone": "test_resnet",
    "epochs": 2,
    "batch_size": 8,
    "image_size": 32,
    "folds": 2,
    "options": {"synthetic": {"subjects": 24}},
}


class Diary:
    """A tracker that keeps what it is told, and fails where it should."""

    told: list[tuple[Any, ...]] = []  # noqa: RUF012  (of all diaries: the tests read it)
    fails: set[str] = set()  # noqa: RUF012  (likewise)

    def __init__(self, *, ink: str = "blue"):
        self.ink = ink

    def keep(self, *entry: Any) -> None:
        self.told.append(entry)
        if entry[0] in self.fails:
            raise ConnectionError(f"no paper left at {entry[0]}\n  [and a second line]")

    @hookimpl
    def run_started(self, underway: Underway) -> str:
        self.keep("started", underway.name)
        return f"in {self.ink} [ink]"

    @hookimpl
    def epoch_ended(self, run: Run, part: str, epoch: int, scores: dict[str, float]) -> None:
        assert len((run.folder / "history.csv").read_text().splitlines()) == 1 + epoch  # it is written before
        self.keep("epoch", part, epoch, scores["loss"])

    @hookimpl
    def run_ended(self, underway: Underway, run: Run | None) -> None:
        self.keep("ended", underway.name, run.folder if run else None)


class Mute:
    """A tracker without options and hooks."""


class Said(Quiet):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture(autouse=True)
def _diary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the bundled trackers, for one test."""
    registry = catalog().trackers
    monkeypatch.setattr(registry, "entries", dict(registry.entries))
    plugin = catalog().host.plugins["builtin"]
    registry.add(plugin, "diary", Diary)
    registry.add(plugin, "mute", Mute)
    Diary.told, Diary.fails = [], set()


def config(**changes: Any) -> Settings:
    return Settings.of({**SMALL, **changes})


def test_a_run_tells_its_start_every_epoch_and_its_end_and_is_none_the_worse(tmp_path: Path) -> None:
    said = Said()
    options = {**SMALL["options"], "track": {"ink": "red"}}
    run = fusekit.run(**{**SMALL, "options": options}, track="diary", out=tmp_path / "run", progress=said)
    assert "diary: in red [ink]" in said.lines
    history = run.history
    epochs = [
        ("epoch", f"fold-{row.fold}", row.epoch, pytest.approx(row.loss))
        for row in history.itertuples()  # the model that is shipped learns from all, and its curve is not in the table
    ]
    assert Diary.told[:5] == [("started", "run"), *epochs]
    assert [entry[:3] for entry in Diary.told[5:]] == [
        ("epoch", "all", 1),
        ("epoch", "all", 2),
        ("ended", "run", tmp_path / "run"),
    ]
    manifest = json.loads((run.folder / "manifest.json").read_text())["config"]
    assert "track" not in manifest
    assert "track" not in manifest["options"]
    plain = fusekit.run(config=run.folder / "manifest.json", out=tmp_path / "plain", progress=Quiet())
    assert (plain.folder / "predictions.csv").read_bytes() == (run.folder / "predictions.csv").read_bytes()


@pytest.mark.parametrize("fails", ["started", "epoch", "ended"])
def test_a_tracker_that_fails_is_said_once_and_left_out(fails: str, tmp_path: Path) -> None:
    Diary.fails = {fails}
    said = Said()
    with Followers(underway(tmp_path), said) as followers:
        followers.run_started()
        for epoch in (1, 2):
            followers.epoch_ended("fold-0", written(tmp_path, epoch), epoch, {"loss": 0.5})
        followers.run_ended(Run(tmp_path))
    assert [entry[0] for entry in Diary.told].count(fails) == 1
    warnings = [line for line in said.lines if "warning" in line]
    assert len(warnings) == 1
    assert "the tracker diary failed and is left out" in warnings[0]
    assert f"ConnectionError: no paper left at {fails} [and a second line]. history.csv has every" in warnings[0]


def test_a_plugin_that_fails_after_the_training_is_named_and_the_run_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = PluginHost()
    host.add(Diary(), replace(catalog().host.plugins["builtin"], name="diary"))
    monkeypatch.setattr(catalog(), "host", host)
    Diary.fails = {"ended"}
    said = Said()
    with Followers(replace(underway(tmp_path), config=config()), said) as followers:
        followers.run_started()
        followers.run_ended(Run(tmp_path))
    assert Diary.told == [("started", "run"), ("ended", "run", tmp_path)]
    (line,) = said.lines
    assert line.startswith("warning: plugin 'diary' (")
    assert "failed in run_ended: ConnectionError: no paper left at ended [and a second line]" in line
    assert line.endswith("FUSEKIT_DISABLE=diary. What the run has written is kept.")
    Diary.fails = {"started"}
    with pytest.raises(PluginError, match="failed in run_started"):
        Followers(replace(underway(tmp_path), config=config()), said).run_started()


def test_one_that_failed_is_left_out_of_a_comparison_and_named_again_by_none(tmp_path: Path) -> None:
    Diary.fails = {"started"}
    said = Said()
    with followers_of(tmp_path / "compare", "1a2b", said) as follow:
        for name in ("concat-seed-0", "rbca-seed-0"):
            follow(name, config(track="diary"))
    assert Diary.told == [("started", "compare/concat-seed-0")]
    assert len(said.lines) == 1


def test_the_end_is_told_when_a_run_fails_and_not_before_it_began(tmp_path: Path) -> None:
    def stopped() -> None:
        with Followers(underway(tmp_path), Quiet()) as followers:
            followers.run_started()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert Diary.told == [("started", "run"), ("ended", "run", None)]
    Diary.told.clear()
    with pytest.raises(FusekitError), Followers(underway(tmp_path), Quiet()):
        raise FusekitError
    assert Diary.told == []


def test_followers_go_into_other_processes_and_open_trackers_of_their_own(tmp_path: Path) -> None:
    followers = Followers(underway(tmp_path), Said())
    followers.run_started()
    copy: Followers = pickle.loads(pickle.dumps(followers))
    assert copy.underway == followers.underway
    copy.epoch_ended("fold-1", written(tmp_path, 1), 1, {"loss": 0.5})
    assert Diary.told == [("started", "run"), ("started", "run"), ("epoch", "fold-1", 1, 0.5)]
    followers.leave_out("diary, in a fold's own process,", "it went")
    assert not copy.failed


def test_runs_of_a_comparison_have_names_and_ids_that_stay(tmp_path: Path) -> None:
    known = []
    for _ in range(2):
        with followers_of(tmp_path / "runs" / "compare", "1a2b", Quiet()) as follow:
            known.append(follow("rbca-seed-0", config(track="diary")).underway)
    assert known[0] == known[1]
    assert (known[0].id, known[0].name) == ("1a2b-rbca-seed-0", "compare/rbca-seed-0")
    assert known[0].home == tmp_path / "runs"
    assert known[0].synthetic


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"track": "dairy"}, "no tracker is called 'dairy'; did you mean 'diary'?"),
        ({"track": ("tensorbord",)}, "did you mean 'tensorboard'?"),
        ({"track": "diary", "options": {"track": {"inc": "red"}}}, "track has no option 'inc'; did you mean 'ink'?"),
        ({"options": {"track": {"ink": "red"}}}, "no tracker with options is named: --track mlflow"),
    ],
)
def test_what_is_no_tracker_and_no_option_is_refused_before_training(changes: dict[str, Any], message: str) -> None:
    with pytest.raises((UnknownName, OptionError)) as caught:
        make_plan(config(**changes))
    assert message in str(caught.value)


def test_an_option_goes_to_the_trackers_that_have_it() -> None:
    host = open_trackers(config(track="mute,diary", options={"track": {"ink": "green"}}))
    assert sorted(host.plugins) == ["diary", "mute"]
    diary: Any = host.manager.get_plugin("diary")
    assert diary.ink == "green"


@pytest.mark.parametrize(
    ("name", "package"),
    [("mlflow", "mlflow"), ("tensorboard", "torch.utils.tensorboard")],
    ids=["mlflow", "tensorboard"],
)
def test_a_client_that_is_not_installed_is_asked_for_before_training(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # importing it fails
    monkeypatch.delitem(sys.modules, f"fusekit_tracking.{name}", raising=False)
    with pytest.raises(OptionError, match=rf"--track {name} needs .*: pip install 'fusekit\[tracking\]'"):
        make_plan(config(track=name))


def test_a_file_names_trackers_as_the_line_does(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('task = "adni-ad"\ntrack = ["diary", "mute"]\n', "utf-8")
    assert Settings.of(read_config(tmp_path / "run.toml")).track == ("diary", "mute")


def underway(folder: Path) -> Underway:
    return Underway("1a2b", "run", folder, config(track="diary"))


def written(folder: Path, epoch: int) -> Run:
    """A folder with the history that a fold has written so far."""
    (folder / "history.csv").write_text("epoch,loss\n" + "1,0.5\n" * epoch, "utf-8")
    return Run(folder)
