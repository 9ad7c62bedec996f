"""What a bundle shows of itself, and of a patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from fusekit.data import Target
from fusekit.data.own.task import name_of
from fusekit.evaluation.shown import in_a_line, scores_html
from fusekit.extension.above import above


class Shown:
    """The part of every bundle that is for people at a prompt or a notebook."""

    target: Target
    task: Mapping[str, Any]
    metrics: list[dict[str, Any]]
    provenance: Mapping[str, Any]

    def explain(
        self,
        image: Any = None,
        clinical: Any = None,
        mask: str | Path | None = None,
        *,
        what_if: str | Sequence[str] | Mapping[str, Any] = (),
        of: str | None = None,
        allow_out_of_range: bool = False,
    ) -> Any:
        """Explain the prediction for one patient, as ``fusekit explain`` does; of an average, that of its first model.

        Args:
            image, clinical, mask: files or values, as the bundle is called with.
            what_if: values to put there: ``{"TAU": [80, 120]}`` or ``["TAU=80", "AGE"]``; without a value, usual ones.
            of: name of the class to explain; without it the positive of two, the called of more.
            allow_out_of_range: as for ``predict``.

        Returns:
            ``fusekit.report.explanations.patient.Explained``, whose picture a notebook shows.

        Raises:
            DataError: as ``predict``; a value that was asked for does not fit its column.
            OptionError: no patient is given, or the model has no such class.
        """
        return above("Bundle.explain")(self, image, clinical, mask, what_if, of, allow_out_of_range)

    def __repr__(self) -> str:
        return in_a_line(type(self).__name__, self._names(), self._scores(), self._synthetic)

    def _repr_html_(self) -> str:
        return scores_html(" · ".join(self._names()), self._scores(), self._synthetic)

    def _names(self) -> list[str]:
        """Of task, arm and backbone, as far as they are known."""
        config = self.provenance.get("config", {})
        arm = config.get("baseline") or config.get("fusion", "")
        task = name_of(str(self.task.get("name", "a task")))
        return [str(name) for name in (task, arm, config.get("backbone")) if name]

    def _scores(self) -> pd.DataFrame:
        return pd.DataFrame(self.metrics)

    @property
    def _synthetic(self) -> bool:
        return bool(self.provenance.get("synthetic"))
