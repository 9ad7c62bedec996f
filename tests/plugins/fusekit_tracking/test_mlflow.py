"""What a real MLflow server has, asked by its REST interface and not through the client that wrote it."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from fusekit import Run, Underway
from fusekit.errors import OptionError
from fusekit.experiment.setup.trackers import Followers, open_trackers
from fusekit.progress import Quiet


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own for this file, in SQLite, on a free port."""
    home = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{home / 'runs.db'}", "--artifacts-destination", str(home / "files")]
    alone = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (home / "log.txt").open("w") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, **alone}, cwd=home, start_new_session=True
        )
    try:
        end = time.monotonic() + 180  # ten seconds where nothing else runs
        while not answers(f"http://127.0.0.1:{port}/health"):
            assert server.poll() is None, (home / "log.txt").read_text()
            assert time.monotonic() < end, (home / "log.txt").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except (URLError, OSError):
        time.sleep(0.1)
        return False


@pytest.fixture(autouse=True)
def _server(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)


def ask(path: str, **given: Any) -> Any:
    """The server's answer: GET, or POST of what is given."""
    url = f"{os.environ['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/{path}"
    body = json.dumps(given).encode() if given else None
    with urlopen(Request(url, body, {"Content-Type": "application/json"}), timeout=30) as reply:
        return json.load(reply)


def runs_of(experiment: str) -> list[dict[str, Any]]:
    found = ask(f"experiments/get-by-name?experiment_name={experiment}")["experiment"]["experiment_id"]
    runs: list[dict[str, Any]] = ask("runs/search", experiment_ids=[found]).get("runs", [])
    return runs


def entries(run: dict[str, Any], kind: str) -> dict[str, Any]:
    return {entry["key"]: entry["value"] for entry in run["data"].get(kind, [])}


def test_a_run_is_one_run_with_configuration_curves_scores_and_report(
    underway: Callable[..., Underway], written: Run, finished: Run
) -> None:
    followed = underway("mlflow")
    with Followers(followed, Quiet()) as followers:
        followers.run_started()
        elsewhere: Followers = pickle.loads(pickle.dumps(followers))  # as a fold in a process of its own
        for epoch in (1, 2):
            followers.epoch_ended("fold-0", written, epoch, {"loss": 1 / epoch})
            elsewhere.epoch_ended("fold-1", written, epoch, {"loss": 2 / epoch})
        assert runs_of("adni-ad")[0]["info"]["status"] == "RUNNING"
        followers.run_ended(finished)
    (run,) = runs_of("adni-ad")
    assert (run["info"]["run_name"], run["info"]["status"]) == ("compare-1/rbca-seed-0", "FINISHED")
    tags, parameters = entries(run, "tags"), entries(run, "params")
    assert (tags["synthetic"], tags["arm"], tags["fusekit.id"]) == ("true", "rbca", followed.id)
    assert parameters["injector.reduction"] == "shared"
    assert parameters["search.lr"] == "1.0,2.0"
    assert parameters["epochs"] == str(followed.config.epochs)
    assert "track" not in parameters
    assert entries(run, "metrics") == {
        "fold-0/loss": 0.5,
        "fold-1/loss": 1.0,
        "subject/auc": 0.75,
        "subject/auc-low": 0.5,
        "subject/auc-high": 1.0,
    }
    identity = run["info"]["run_id"]
    history = ask(f"metrics/get-history?run_id={identity}&metric_key=fold-1/loss")["metrics"]
    assert [(int(point["step"]), point["value"]) for point in history] == [(1, 2.0), (2, 1.0)]
    files = ask(f"artifacts/list?run_id={identity}")["files"]
    assert {file["path"] for file in files} == {"report.html", "metrics.json", "manifest.json"}  # and no patient's line
    with urlopen(f"{os.environ['MLFLOW_TRACKING_URI']}/get-artifact?path=report.html&run_uuid={identity}") as reply:
        assert reply.read() == b"<p>SYNTHETIC</p>"


def test_a_run_that_failed_says_so_until_it_goes_on(
    underway: Callable[..., Underway], written: Run, finished: Run
) -> None:
    followed = underway("mlflow", options={"track": {"experiment": "again", "artifacts": "false"}})
    for outcome, status in ((None, "FAILED"), (finished, "FINISHED")):
        followers = Followers(followed, Quiet())
        followers.epoch_ended("fold-0", written, 1, {"loss": 0.5})
        assert runs_of("again")[0]["info"]["status"] == "RUNNING"
        followers.run_ended(outcome)
        (run,) = runs_of("again")
        assert run["info"]["status"] == status
    assert ask(f"artifacts/list?run_id={run['info']['run_id']}").get("files", []) == []


def test_experiments_are_named_as_mlflow_names_them(
    underway: Callable[..., Underway], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "of-the-shell")
    Followers(underway("mlflow"), Quiet()).run_started()
    assert len(runs_of("of-the-shell")) == 1


def test_a_server_that_is_gone_stops_nothing(
    underway: Callable[..., Underway], written: Run, finished: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    said: list[str] = []
    progress = Quiet()
    monkeypatch.setattr(progress, "say", said.append)
    with Followers(underway("mlflow"), progress) as followers:
        followers.epoch_ended("fold-0", written, 1, {"loss": 0.5})
        followers.run_ended(finished)
    assert len(said) == 1
    assert "the tracker mlflow failed and is left out; the training continues" in said[0]


def test_an_address_that_cannot_be_one_is_refused_before_training(
    underway: Callable[..., Underway], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://x")
    with pytest.raises(OptionError, match=r"cannot use 'nonsense://x' .* MLFLOW_TRACKING_URI=http://localhost:5000"):
        open_trackers(underway("mlflow").config)
