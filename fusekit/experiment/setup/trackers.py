"""Who follows a run: every plugin that implements the hooks, and the trackers that ``--track`` names."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from fusekit.errors import FusekitError, Interrupted, OptionError
from fusekit.experiment.setup.settings import Settings
from fusekit.extension import PluginHost, catalog, read_options, suggest
from fusekit.extension.options import option_parameters
from fusekit.extension.registry import make
from fusekit.progress import Progress, Quiet
from fusekit.report.run import Run


@dataclass(frozen=True, slots=True)
class Underway:
    """A run from before its first epoch until its folder is there.

    Args:
        id: unique; the same in every process that trains a part of it, and after a resume.
        name: for people, unique in ``home``: the run folder's (``adni-ad-rbca-20260102-030405``), or
            ``compare-adni-ad-1a2b3c4d/rbca-seed-0``.
        home: the folder that holds the run's folder, or that of its comparison.
        config: all settings.
    """

    id: str
    name: str
    home: Path
    config: Settings

    @property
    def synthetic(self) -> bool:
        """Whether the cohort is an invented one."""
        return self.config.data is None


def open_trackers(config: Settings) -> PluginHost:
    """Build the trackers of ``--track``, each a plugin that is loaded for one run; OptionError for options of none."""
    registry, host = catalog().trackers, PluginHost()
    given = config.options.get("track", {})
    factories = {name: registry.get(name) for name in config.track}
    known = {option for factory in factories.values() for option in option_parameters(factory)}
    for option in given:
        if option not in known:
            hint = suggest(option, sorted(known)) if known else "no tracker with options is named: --track mlflow."
            raise OptionError(f"track has no option {option!r}; {hint}")
    for name, factory in factories.items():
        own = {option: value for option, value in given.items() if option in option_parameters(factory)}
        tracker = make(f"the tracker {name!r}", factory, **read_options("track", factory, own))
        host.add(tracker, replace(registry.entries[name].plugin, name=name))
    return host


class Followers:
    """Notify all who follow a run, also when it fails.

    A plugin that fails is an error, as in every hook, but a warning once the run has ended. A tracker that fails, most
    often for lack of its server, is reported once and left out: ``failed`` is shared among runs, so that none waits for
    it again.
    """

    def __init__(self, underway: Underway, progress: Progress, failed: dict[str, str] | None = None):
        self.underway, self.progress = underway, progress
        self.failed = {} if failed is None else failed
        self._trackers: PluginHost | None = None
        self._ended = False

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens trackers of its own, and reports failures in ``failed``."""
        return Followers, (self.underway, Quiet())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._trackers and not self._ended:
            with suppress(FusekitError):  # the error that ended the run is the one to be read
                self.run_ended(None)

    def run_started(self) -> None:
        """Before the first epoch; a second time it does nothing."""
        if self._trackers is None:
            self._trackers = open_trackers(self.underway.config)
            self._notify("run_started", underway=self.underway)

    def epoch_ended(self, part: str, run: Run, epoch: int, scores: dict[str, float]) -> None:
        """After an epoch of a part, whose files are being written in the folder of ``run``."""
        self.run_started()
        self._notify("epoch_ended", run=run, underway=self.underway, part=part, epoch=epoch, scores=scores)

    def run_ended(self, run: Run | None) -> None:
        """The run folder is there, or (None) it will not be."""
        self.run_started()
        self._ended = True
        self._notify("run_ended", underway=self.underway, run=run)

    def leave_out(self, tracker: str, reason: str) -> None:
        """Leave a tracker out, and say so, once."""
        if tracker not in self.failed:
            self.failed[tracker] = reason
            self.progress.say(
                f"warning: the tracker {tracker} failed and is left out; the training continues. "
                f"{reason}. history.csv has every epoch."
            )

    def _notify(self, hook: str, **arguments: Any) -> None:
        host, trackers = catalog().host, self._trackers
        assert trackers is not None
        for plugin in host.implementing(hook):
            try:
                host.call(plugin, hook, **arguments)
            except FusekitError as error:  # what a hook raises is always one
                if hook != "run_ended" or isinstance(error, Interrupted):
                    raise
                self.progress.say(f"warning: {' '.join(str(error).split())}. What the run has written is kept.")
        for plugin in trackers.implementing(hook):
            if plugin.name in self.failed:
                continue
            try:
                answer = trackers.call(plugin, hook, **arguments)
            except Interrupted:
                raise
            except FusekitError as error:
                cause = error.__cause__ or error
                self.leave_out(plugin.name, f"{type(cause).__name__}: {' '.join(str(cause).split())[:300]}")
            else:
                if answer:
                    self.progress.say(f"{plugin.name}: {answer}")


@contextmanager
def followers_of(comparison: Path, identity: str, progress: Progress) -> Iterator[Callable[[str, Settings], Followers]]:
    """Let every run of a comparison be followed: (name of its folder, configuration) -> its followers."""
    failed: dict[str, str] = {}
    with ExitStack() as stack:

        def follow(name: str, config: Settings) -> Followers:
            underway = Underway(f"{identity}-{name}", f"{comparison.name}/{name}", comparison.parent, config)
            followers = stack.enter_context(Followers(underway, progress, failed))
            followers.run_started()
            return followers

        yield follow
