"""A classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from fusekit.data import Classes
from fusekit.data.own.outcome import MORE, TWO
from fusekit.errors import DataError, first_ten
from fusekit.sklearn.estimator import Estimator, Outcome


class FuseKitClassifier(ClassifierMixin, Estimator):  # type: ignore[misc]
    """Fuses an image and the other columns of a DataFrame into a class.

    Args:
        image: the column of paths (volumes, folders of DICOM files, pictures); None: the table alone.
        subject: the column that names the subject whose rows belong together; None: every row is a subject.
        fusion: how image and table meet; ``fusekit.fusions()`` lists them.
        baseline: in place of a fusion, a classical model, such as ``"logistic"``.
        backbone: the image network; None: the preset's.
        preset: ``"tuned"`` or ``"paper"``: settings of the training where none are given.
        image_size: of a slice, in pixels; None: 256.
        epochs, batch_size, lr: of the training; None: the preset's.
        options: of parts, such as ``{"slices": {"plane": "coronal"}, "training": {"members": 3}}``.
        random_state: the seed of a run (a whole number), or what scikit-learn draws one from.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
        verbose: whether findings, and the progress of trainings, are shown.

    Attributes:
        bundle_: the fitted ``fusekit.Bundle``: ``bundle_.save(folder)`` keeps it, ``bundle_.explain`` explains it.
        classes_: labels, sorted; of two the second is the positive one.
        n_features_in_, feature_names_in_: of X.
    """

    def _outcome(self, y: Any) -> Outcome:
        if isinstance(y, list | tuple) and all(np.isscalar(one) or one is None for one in y):
            y = pd.Series(y, dtype=object).infer_objects().to_numpy()  # NumPy makes a text of NaN beside texts
        y = column_or_1d(y, warn=True)
        if (missing := np.flatnonzero(pd.isna(y))).size:
            raise DataError(f"Input y contains NaN: {missing.size} rows have no label: position {first_ten(missing)}.")
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise DataError(f"y has one class, {str(self.classes_[0])!r}, and a classifier needs two classes or more.")
        target = Classes(self._names())
        return Outcome(target, codes, TWO if len(self.classes_) == 2 else MORE)

    def _names(self) -> tuple[str, ...]:
        """The labels as text."""
        return tuple(str(label) for label in self.classes_)

    def predict(self, X: Any) -> np.ndarray:
        """Give the label of each row (n,)."""
        called = self._answers(X)["called"]
        names = self._names()
        return np.asarray(self.classes_[[names.index(name) for name in called]])

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (n, K), in the order of ``classes_``."""
        answers = self._answers(X)
        return answers[[f"p_{place}" for place in range(len(self.classes_))]].to_numpy()
