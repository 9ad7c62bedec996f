"""What is known of a run's parts before any of them is imported."""

from pathlib import Path

import pytest

from fusekit.data.target import Classes, Target
from fusekit.errors import OptionError
from fusekit.experiment.setup.parts import OBJECTIVES, check_names


def test_the_usual_objectives_are_those_of_every_kind_of_target() -> None:
    kinds = [*Target.__subclasses__(), *Classes.__subclasses__()]
    own = {kind.objective for kind in kinds if kind.__module__.startswith("fusekit.")}
    assert set(OBJECTIVES) == own


def test_a_table_or_a_folder_in_place_of_a_task_is_pointed_to_new_task(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "people.csv").write_text("id\n")
    for given, kind in (("study", "folder"), ("study/people.csv", "file")):
        with pytest.raises(OptionError, match=f"is a {kind}, and no task or TOML: `fusekit new-task .*study` writes"):
            check_names({"task": str(tmp_path / given)}, {})
