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


def test_the_preset_is_the_papers() -> None:
    preset = Preset()
    assert (preset.backbone, preset.epochs, preset.lr, preset.image_size) == ("resnet50", 100, 1e-4, 256)


def test_a_task_without_synthetic_cohort_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"_Plain has no synthetic cohort.*--data"):
        _Plain().synthesize(tmp_path, Quiet())


def test_a_task_describes_itself() -> None:
    metrics = ["accuracy", "sensitivity", "specificity", "ppv", "npv", "auc"]
    assert _Plain().describe() == {"title": "A or B", "classes": ["a", "b"], "metrics": metrics}


def test_a_task_must_read_a_folder() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Task()  # type: ignore[abstract]  # that it is abstract is the point
