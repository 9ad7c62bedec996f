"""Which slices are seen how often, where classes and their subjects are to count alike."""

import numpy as np
import pandas as pd


def balanced_shares(subjects: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Subject and class of each slice (n,) -> how often it is drawn (n,), as a share of all draws.

    Classes are drawn alike, within a class its subjects, and within a subject its slices. A subject whose scans have
    several classes is one in each.
    """
    table = pd.DataFrame({"label": labels, "subject": subjects})
    slices = table.groupby(["label", "subject"])["label"].transform("size")
    people = table.groupby("label")["subject"].transform("nunique")
    return (1 / (table["label"].nunique() * people * slices)).to_numpy()
