"""A run in several processes: the first leads, and the others take their share of each of its trainings."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import torch
from torch import distributed

from fusekit.errors import FusekitError, SharedError
from fusekit.experiment.run.fold import train_fold
from fusekit.experiment.setup.gathered import gather_again
from fusekit.experiment.setup.plan import Plan, make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.launch_environment import ADDRESS, PORT, RANK, SIZE, free_port, surroundings
from fusekit.progress import Quiet
from fusekit.training import Processes, ProcessLostError, stoppable
from fusekit.training.machines.processes import others_watched

#: What a process runs that this one starts.
PROGRAM = "from fusekit.experiment.run.launch import main; main()"


@contextmanager
def launched(plan: Plan) -> Iterator[Plan]:
    """Give the plan with the processes that train it together, and start those that are missing.

    torchrun and srun start all processes of a run themselves, and each of them comes here. Otherwise this one starts
    the others on this machine, sends them the configuration, and sees to it that none outlives it.
    """
    config = plan.config
    if config.devices * config.nodes == 1:
        yield plan
        return
    before = {name: os.environ.get(name) for name in (ADDRESS, PORT)}
    threads = torch.get_num_threads()
    others: list[subprocess.Popen[str]] = []
    try:
        if not surroundings().by:
            os.environ |= {ADDRESS: "127.0.0.1", PORT: str(free_port())}
            torch.set_num_threads(max(1, threads // config.devices))
            _start(others, config, torch.get_num_threads())
        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it greets every launch
        with others_watched():
            plan.fabric.launch()
            processes = Processes.of_launched()
        processes.same("settings", config.identity("device"))
        yield replace(plan, processes=processes)
    except BaseException:
        _end(others, after=1.0)  # they may wait for this one; none of them writes
        raise
    finally:
        with suppress(RuntimeError, AssertionError):  # it was never there, or the others are gone
            distributed.destroy_process_group()
        _end(others, after=15.0)
        torch.set_num_threads(threads)
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def assist(plan: Plan) -> Path:
    """What every process but the first does in a run; return the run's folder."""
    todo: list[tuple[int | None, int, str]] = plan.processes.from_first(list)
    gathered = gather_again(plan.config, plan.task, plan.slices)  # from the store that the first has cut
    plan.processes.same("data", gathered.fingerprint)
    for fold, percent, folder in todo:
        train_fold(plan, gathered, fold, Path(folder), Quiet(), percent=percent)
    return Path(plan.processes.from_first(str))


def main() -> None:
    """A process that another one started; its configuration comes as JSON."""
    try:
        with stoppable():
            plan = make_plan(Settings.of(json.load(sys.stdin)))
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # where no one reads any more
            with launched(plan) as plan:
                assist(plan)
    except SharedError:
        sys.exit(1)
    except FusekitError as error:
        sys.exit(f"process {surroundings().rank}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _start(others: list[subprocess.Popen[str]], config: Settings, threads: int) -> None:
    """Start them and wait until each is ready to join: joining itself would wait for one that is not."""
    for rank in range(1, config.devices):
        own = {RANK: str(rank), SIZE: str(config.devices), "OMP_NUM_THREADS": str(threads)}
        command = [sys.executable, "-c", PROGRAM]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, env=os.environ | own, stdin=pipe, stdout=pipe, text=True)  # noqa: S603
        others.append(process)
        assert process.stdin is not None
        with suppress(BrokenPipeError), process.stdin as given:  # it will say itself why it has ended
            json.dump(config.as_json(), given)
    for process in others:
        assert process.stdout is not None
        with process.stdout as said:
            if not any(line == "ready\n" for line in said):
                raise ProcessLostError


def _end(others: Sequence[subprocess.Popen[str]], after: float) -> None:
    """Wait so many seconds for them to end by themselves, then end them."""
    for process in others:
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
