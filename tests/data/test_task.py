from pathlib import Path

import pytest

from fusekit.data import Cohort, Preset, Task
from fusekit.errors import DataError
from fusekit.progress import Progress, Quiet


class _Plain(Task):
    title = "A or B"
    classes = ("a", "b")

    def scan(self, folder: Path, progress: Progress) -> Cohort:
        raise NotImplementedError


def test_a_task_leaves_training_to_the_preset_unless_it_says_otherwise() -> None:
    preset = Preset()
    assert (preset.backbone, preset.epochs, preset.lr, preset.batch_size) == (None, None, None, None)
    assert preset.image_size == 256  # of Yang et al. 2021


def test_a_task_without_synthetic_cohort_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"_Plain has no synthetic cohort.*--data"):
        _Plain().synthesize(tmp_path, Quiet())


def test_a_task_describes_itself() -> None:
    metrics = ["accuracy", "sensitivity", "specificity", "ppv", "npv", "auc"]
    assert _Plain().describe() == {"title": "A or B", "classes": ["a", "b"], "metrics": metrics}


def test_a_task_must_read_a_folder() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Task()  # type: ignore[abstract]  # that it is abstract is the point
