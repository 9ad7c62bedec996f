"""The trials of a fold, by Optuna: what was tried, what to try next, and when one is worth no further epoch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fusekit.experiment.run.search.journal import JOURNAL, open_study
from fusekit.experiment.setup.settings import Settings
from fusekit.experiment.setup.space import Range, combinations, has_range, plain

if TYPE_CHECKING:
    import optuna

#: Trials that are drawn at random before the sampler learns from them, at most; so many are never pruned.
RANDOM, UNPRUNED = 10, 5


class Study:
    """The search of one fold.

    A finished trial is one line of the journal, so that a kill loses the trial under way and no other. What is asked
    next depends on the seed, the fold and the finished trials alone: a resumed search goes the same way. ``score`` is
    what a trial's score is called in records.
    """

    def __init__(self, folder: Path, fold: int | None, config: Settings, score: str = "validation_auc"):
        self.score = score
        self.space, self.seed = config.search, (config.seed, 0 if fold is None else fold + 1)
        self.grid = None if has_range(self.space) else combinations(self.space)
        self.count = len(self.grid) if self.grid is not None else config.trials or 0
        self.distributions = {name: _distribution(self.space[name]) for name in sorted(self.space)}
        self.begun = datetime.now()
        self.study = open_study(folder / JOURNAL, "all" if fold is None else f"fold-{fold}")

    def ask(self) -> tuple[int, dict[str, Any]] | None:
        """Number and choice of the next trial to train; None when all are finished."""
        self.begun = datetime.now()
        while (number := len(self.study.trials)) < self.count:
            if self.grid is not None:
                return number, next(one for one in self.grid if self._params(one) not in self._tried)
            params = self._propose(number)
            known = next((trial for trial in self.study.trials if trial.params == params), None)
            if known is None:
                return number, self._typed(params)
            self.study.add_trial(known)  # it would be trained with the same result
        return None

    def prunes(self, choice: Mapping[str, Any], scores: Mapping[int, float], epochs: int) -> bool:
        """Whether a trial is worse than half of those before it, by its scores of the epochs (from 1) so far.

        Not before the second epoch or a quarter of all, nor after the last, when nothing is saved.
        """
        from optuna.pruners import MedianPruner

        warmup = max(2, -(-epochs // 4))
        pruner = MedianPruner(n_startup_trials=UNPRUNED, n_warmup_steps=warmup, n_min_trials=3)
        return max(scores) < epochs and bool(pruner.prune(self.study, self._trial("RUNNING", choice, scores)))

    def add(
        self,
        choice: Mapping[str, Any],
        scores: Mapping[int, float],
        score: float | None,
        epoch: int | None,
        failed: str = "",
    ) -> None:
        """Record a finished trial: its score and the epoch that was kept, or none if it was pruned or failed.

        Of one that failed no epoch is recorded, so that it is worse than any other to the sampler.
        """
        scores = {} if failed else scores
        trial = self._trial("COMPLETE" if score is not None else "PRUNED", choice, scores, score)
        trial.datetime_start = self.begun
        if epoch is not None:
            trial.set_user_attr("epoch", epoch)
        if failed:
            trial.set_user_attr("failed", failed)
        self.study.add_trial(trial)

    @property
    def best(self) -> int | None:
        """Number of the best finished trial, of equals the first; None if none has a score."""
        scored = [(-record[self.score], record["number"]) for record in self.records()
                  if record["state"] == "complete"]  # fmt: skip
        return min(scored)[1] if scored else None

    def choice(self, number: int) -> dict[str, Any]:
        """What a trial chose, with types."""
        return self._typed(self.study.trials[number].params)

    def records(self) -> list[dict[str, Any]]:
        """Every trial in plain values: its number, choice, state, score (if pruned: its last) and epoch."""
        found: list[dict[str, Any]] = []
        for trial in self.study.trials:
            failed = trial.user_attrs.get("failed")
            state = "failed" if failed else trial.state.name.lower()
            found.append({
                "number": trial.number,
                "choice": {name: trial.params[name] for name in self.space},
                "state": state,
                self.score: None if failed else trial.value,
                "epoch": trial.user_attrs.get("epoch", trial.last_step),
                **({"failed": failed} if failed else {}),
            })  # fmt: skip
        return found

    def _propose(self, number: int) -> dict[str, Any]:
        """What Optuna's TPE asks for next, from a copy in memory: nothing of a trial is written before its end."""
        import optuna

        seed = int(np.random.SeedSequence((*self.seed, number)).generate_state(1)[0])
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=min(RANDOM, self.count // 2))
        copy = optuna.create_study(direction="maximize", sampler=sampler)
        copy.add_trials(self.study.trials)
        return copy.ask(self.distributions).params

    def _trial(
        self, state: str, choice: Mapping[str, Any], scores: Mapping[int, float], score: float | None = None
    ) -> optuna.trial.FrozenTrial:
        import optuna

        finite = {epoch: one for epoch, one in scores.items() if np.isfinite(one)}
        if state == "PRUNED" and finite:
            score = finite[max(finite)]
        return optuna.trial.create_trial(
            state=optuna.trial.TrialState[state],
            value=score,
            params=self._params(choice),
            distributions=self.distributions,
            intermediate_values=finite,
        )

    @property
    def _tried(self) -> list[dict[str, Any]]:
        return [trial.params for trial in self.study.trials]

    def _params(self, choice: Mapping[str, Any]) -> dict[str, Any]:
        return {name: plain(choice[name]) for name in self.distributions}

    def _typed(self, params: Mapping[str, Any]) -> dict[str, Any]:
        choice = {}
        for name, candidates in self.space.items():
            value = params[name]
            listed = () if isinstance(candidates, Range) else candidates
            choice[name] = next((one for one in listed if plain(one) == value), value)
        return choice


def _distribution(candidates: tuple[Any, ...] | Range) -> optuna.distributions.BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(candidates, Range):
        return CategoricalDistribution([plain(one) for one in candidates])
    if isinstance(candidates.low, int) and isinstance(candidates.high, int):
        return IntDistribution(candidates.low, candidates.high, log=candidates.log)
    return FloatDistribution(candidates.low, candidates.high, log=candidates.log)
