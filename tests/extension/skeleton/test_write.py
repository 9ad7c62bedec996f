"""What ``fusekit new-plugin`` writes is installed and tested as its author would; names and folders are checked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fusekit.errors import OptionError, UnknownName
from fusekit.extension.kinds import KINDS
from fusekit.extension.skeleton.write import kinds, write_plugin
from tests.conftest import CommandLine

ROOT = Path(__file__).parents[3]
#: The slowest of the generated tests, which check whole models.
WHOLE = "whole or reaches"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plugin of every kind, each in a folder of the kind's name."""
    home = tmp_path_factory.mktemp("written")
    for kind in kinds():
        write_plugin(f"my-{kind}", kind, home / kind)
    return home


@pytest.fixture(scope="module")
def environment(written: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One in which all of them are installed."""
    site = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(site), *map(str, written.iterdir())], check=True)
    path = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "COLUMNS": "200"}


def own_tests(written: Path, environment: dict[str, str], *more: str) -> str:
    fixtures = ["-p", "fusekit.testing.fixtures", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "--import-mode=importlib", *fixtures, *more]
    done = subprocess.run([*command, str(written)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout.splitlines()[-1]


def test_every_kind_installs_and_passes_its_own_tests(written: Path, environment: dict[str, str]) -> None:
    said = own_tests(written, environment, "-k", f"not ({WHOLE})")
    assert int(said.split()[0]) >= 2 * len(kinds())


@pytest.mark.slow  # the parts of these models are checked above
def test_every_kind_passes_its_tests_of_whole_models(written: Path, environment: dict[str, str]) -> None:
    own_tests(written, environment, "-k", WHOLE)


def test_every_kind_is_registered_by_its_distribution(environment: dict[str, str]) -> None:
    listed = [sys.executable, "-m", "fusekit"]
    shown = subprocess.run([*listed, "list"], env=environment, capture_output=True, text=True, check=True).stdout
    plugins = subprocess.run([*listed, "plugins"], env=environment, capture_output=True, text=True, check=True).stdout
    for kind, about in kinds().items():
        assert f"fusekit-my-{kind} 0.1.0" in plugins
        assert sum(line.split()[:1] == [f"my-{kind}"] for line in shown.splitlines()) == len(about["registers"])


@pytest.mark.slow  # that they are trained is tested above; this is the line that people are given
def test_the_command_that_is_shown_runs(environment: dict[str, str], tmp_path: Path) -> None:
    environment = {**environment, "FUSEKIT_CACHE": str(tmp_path / "cache")}
    short = ["--backbone", "test_resnet", "--epochs", "1", "--image-size", "32", "--explain", "none"]
    line = kinds()["head"]["run"].replace("NAME", "my-head").split()
    command = [sys.executable, "-m", "fusekit", *line, *short, "-o", "synthetic.subjects=24", "--out", "run"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_generated_code_is_formatted_and_typed_as_ours_is(written: Path) -> None:
    ruff = [sys.executable, "-m", "ruff", "format", "--check", "--config", str(ROOT / "pyproject.toml")]
    done = subprocess.run([*ruff, str(written)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow  # nothing else types them
def test_generated_code_passes_mypy(written: Path, tmp_path: Path) -> None:
    path = os.pathsep.join(map(str, [ROOT / "plugins", *written.iterdir()]))
    mypy = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(tmp_path)]
    mypy += ["--exclude", r"(?<!/head/tests)/conftest\.py$"]  # one of eight modules of this name
    done = subprocess.run(
        [*mypy, str(written)], env={**os.environ, "MYPYPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_every_kind_is_one_that_plugins_register() -> None:
    known = {kind.name for kind in KINDS}
    assert set(kinds()) < known
    for about in kinds().values():
        assert set(about["registers"]) <= known
        assert about["about"]


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("GatedSum", "head", "such as 'gated-sum', not 'GatedSum'"),
        ("2d fusion!", "head", "such as 'd-fusion'"),
        ("été", "head", "a plugin's name begins with a letter and is of lower-case letters, digits and single hyphens"),
        ("", "head", "such as 'gated-sum'"),
        ("none", "head", "would be None, a word of Python's"),
        ("concat", "head", "the head 'concat' is registered already, by plugin 'builtin'"),
        ("rbca", "head", "the fusion 'rbca' is registered already"),
        ("resnet18", "backbone", "the backbone 'resnet18' is registered already"),
        ("adni", "metric", "plugin 'adni' .* is installed already"),
    ],
)
def test_names_that_cannot_be_are_refused_with_what_to_do(name: str, kind: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=said):
        write_plugin(name, kind, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_an_unknown_kind_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="--kind haed has no template; did you mean 'head'"):
        write_plugin("mine", "haed", tmp_path / "new")


def test_a_prefix_is_not_doubled_and_a_class_may_be_called_as_ours(tmp_path: Path) -> None:
    made = write_plugin("fusekit_fusion-head", "head", tmp_path / "new")
    assert "fusekit_fusion_head/head.py" in made.files
    assert "class FusionHead(fusekit.FusionHead):" in (tmp_path / "new/fusekit_fusion_head/head.py").read_text()


def test_the_command_says_what_comes_next_and_leaves_folders_with_files_alone(
    tmp_path: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = command_line("new-plugin", "gated-sum")
    assert code == 0
    for part in ("fusekit_gated_sum/head.py", "pip install -e fusekit-gated-sum", "pytest fusekit-gated-sum"):
        assert part in said
    assert "fusekit run adni-ad --fusion gated-sum" in said
    before = (tmp_path / "fusekit-gated-sum" / "README.md").read_text()
    code, said = command_line("new-plugin", "gated-sum", "--kind", "encoder")
    assert code == 2
    assert "--out fusekit-gated-sum exists and is not empty. Take another folder, or remove it." in said
    assert (tmp_path / "fusekit-gated-sum" / "README.md").read_text() == before
    (tmp_path / "a-file").touch()
    code, said = command_line("new-plugin", "gated-sum", "--out", "a-file")
    assert code == 2
    assert "--out a-file is a file, and a folder is written. Choose another name, or remove the file." in said


def test_its_tests_say_how_to_install_it_where_it_is_not(tmp_path: Path) -> None:
    write_plugin("not-installed", "metric", tmp_path / "new")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tmp_path / "new")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path / "new")
    assert done.returncode == 4
    assert "fusekit-not-installed is not installed: pip install -e '.[test]' in its folder" in done.stdout + done.stderr
