"""Requests to end: from Slurm before it takes a machine away, from a system that shuts down, from a person."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from fusekit.errors import Interrupted

#: Windows knows the first alone.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGUSR1") if hasattr(signal, name))


class _Asked:
    """What this process was asked, and whether it is in the middle of something that can end well."""

    process = 0
    postponed = False
    by = ""


_asked = _Asked()


@contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM and SIGUSR1 raise Interrupted inside: in a training after its batch, elsewhere at once.

    Only the main thread can listen; in others this does nothing. Earlier handlers are put back afterwards.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _heard) for number in SIGNALS}
    _asked.process, _asked.by = os.getpid(), ""
    try:
        yield
    finally:
        _asked.by = ""
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def postponed() -> Iterator[None]:
    """Only note a signal inside, where the code looks at ``asked``; one that it missed raises Interrupted after it."""
    if _asked.postponed:
        yield
        return
    _asked.postponed = True
    try:
        yield
    finally:
        _asked.postponed = False
    if asked():
        raise Interrupted(f"stopped by {asked()}.")


def asked() -> str:
    """The signal that came, by name; empty if none."""
    return _asked.by


def _heard(number: int, _: FrameType | None) -> None:
    if os.getpid() != _asked.process:  # a copy of this process, which reads batches for instance
        if number == signal.SIGTERM:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        return
    _asked.by = signal.Signals(number).name
    if not _asked.postponed:
        raise Interrupted(f"stopped by {_asked.by}.")
