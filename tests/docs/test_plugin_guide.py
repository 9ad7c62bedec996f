"""A plugin written from the guide alone works at first try; the guide has an example of every hook."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from fusekit.extension import Plugin, PluginHost
from fusekit.extension.mistakes import HOOKS
from fusekit.extension.skeleton.write import write_plugin
from tests.docs.test_code_blocks import ROOT, blocks, commands

GUIDE = ROOT / "docs" / "how-to" / "write-a-plugin.md"
#: First line of a block that is a file of a package.
FILE = re.compile(r"# (fusekit_\w+/\w+\.py)\n")


def files() -> dict[str, str]:
    return {found[1]: block for block in blocks(GUIDE, "python") if (found := FILE.match(block))}


def test_what_the_guide_promises_of_its_length() -> None:
    lines = {name: len([line for line in text.splitlines() if line.strip()]) for name, text in files().items()}
    assert lines["fusekit_gated_sum/head.py"] <= 18
    assert lines["fusekit_my_film/injector.py"] + lines["fusekit_my_film/__init__.py"] <= 40


def test_its_head_and_its_film_are_installed_and_pass_the_tests_that_were_written_for_them(tmp_path: Path) -> None:
    made = {name.partition("/")[0] for name in files()}
    for arguments in (line for line in commands(GUIDE) if line[0] == "new-plugin"):
        write_plugin(arguments[1], out=tmp_path / arguments[1])
    write_plugin("my-film", "injector", tmp_path / "my-film")
    for name, text in files().items():
        folder = tmp_path / name.partition("/")[0].removeprefix("fusekit_").replace("_", "-")
        assert (folder / name).is_file(), f"new-plugin writes no {name}, into which the guide puts a block"
        (folder / name).write_text(text, encoding="utf-8")
    folders = [str(folder) for folder in tmp_path.iterdir()]
    assert len(folders) == len(made)
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(site), *folders], check=True)
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    options = ["-q", "-p", "fusekit.testing.fixtures", "-p", "no:cacheprovider", "--import-mode=importlib"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *folders],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_it_has_an_example_of_every_hook_that_fits_it() -> None:
    example = ModuleType("example")
    head = "from pathlib import Path\n\nimport numpy as np\n\nimport fusekit\n\n\n"
    for block in blocks(GUIDE, "python"):
        if re.search(r"^@fusekit\.hookimpl\n", block, re.MULTILINE):
            exec(head + block, vars(example))
    host, plugin = PluginHost(), Plugin("example", "fusekit-example", "1", "example")
    host.add(example, plugin)
    assert host.hooks_of(plugin) == sorted(HOOKS)
