"""Signals end things well: a training after its batch, anything else at once, and nobody else's at all."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from fusekit.errors import Interrupted
from fusekit.training.guard.stop import SIGNALS, asked, postponed, stoppable


def call(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_what_is_inside_at_once(number: signal.Signals) -> None:
    after: list[str] = []

    def work() -> None:
        with stoppable():
            call(number)
            after.append("never")

    with pytest.raises(Interrupted, match=f"stopped by {number.name}"):
        work()
    assert after == []


@pytest.mark.parametrize("number", SIGNALS)
def test_what_is_in_the_middle_looks_for_itself(number: signal.Signals) -> None:
    seen: list[str] = []

    def batches() -> None:
        with stoppable(), postponed():
            seen.append(asked())
            call(number)
            seen.append(asked())

    with pytest.raises(Interrupted, match=number.name):  # at its end, at the latest
        batches()
    assert seen == ["", number.name]
    assert asked() == ""


def test_an_error_inside_is_not_hidden_by_a_signal() -> None:
    def fail() -> None:
        with stoppable(), postponed():
            call(signal.SIGTERM)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()


def test_who_listened_before_listens_again() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        with stoppable():
            assert signal.getsignal(signal.SIGTERM) is not before
        call(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]


def test_other_threads_leave_the_signals_alone() -> None:
    listening = [signal.getsignal(number) for number in SIGNALS]
    found: list[object] = []

    def elsewhere() -> None:
        with stoppable():
            found.extend(signal.getsignal(number) for number in SIGNALS)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert found == listening


def test_copies_of_the_process_end_as_processes_do() -> None:
    """Readers of batches are forks: they must not take a signal for themselves, nor outlive one that ends them."""
    ends = []
    with stoppable(), postponed():
        for number in (signal.SIGUSR1, signal.SIGTERM):
            child = os.fork()
            if child == 0:
                os.kill(os.getpid(), number)
                os._exit(7)
            ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        assert asked() == ""
    assert ends == [7, -signal.SIGTERM]
