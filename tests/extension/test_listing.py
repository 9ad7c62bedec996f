"""What is installed, as tables."""

from __future__ import annotations

import subprocess
import sys

import pytest
import timm

import fusekit
from fusekit.errors import OptionError
from fusekit.extension.listing import backbones, fusions, tasks


def test_tasks_and_fusions_say_what_they_are_and_whose() -> None:
    for table, name, plugin in ((tasks(), "adni-ad", "adni"), (fusions(), "rbca", "rbca")):
        assert list(table) == ["name", "what", "plugin"]
        assert table["name"].is_monotonic_increasing
        row = table.set_index("name").loc[name]
        assert row["plugin"] == plugin
        assert row["what"]


def test_backbones_are_those_of_timm_and_of_plugins_whose_names_match() -> None:
    found = backbones("ResNet*d")
    own = found[found["plugin"] == "builtin"]["name"]
    assert {name for name in own if name in timm.list_models()} == set(timm.list_models("resnet*d"))
    assert backbones("test_resnet")["name"].tolist() == ["test_resnet"]
    assert len(backbones("no such backbone")) == 0
    with pytest.raises(OptionError, match="pattern takes text such as"):
        backbones(["resnet18"])  # type: ignore[arg-type]


def test_they_are_public_and_the_first_two_need_no_torch() -> None:
    assert fusekit.backbones is backbones
    code = (
        "import sys, fusekit; fusekit.tasks(); fusekit.fusions()\n"
        "assert not {'torch', 'timm'} & set(sys.modules), 'heavy'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
