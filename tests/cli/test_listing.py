"""What is installed, without torch."""

from __future__ import annotations

import subprocess
import sys

from typer.testing import CliRunner

from fusekit.cli import program
from fusekit.extension import catalog

runner, app = CliRunner(), program(catalog())


def test_list_names_every_bundled_component() -> None:
    shown = runner.invoke(app, ["list"]).stdout
    for name in ("adni-ad", "rbca", "concat", "image-only", "clinical-only", "timm", "mlp", "accuracy", "auc"):
        assert name in shown


def test_list_of_one_kind_leaves_the_others_out() -> None:
    shown = runner.invoke(app, ["list", "metrics"]).stdout
    assert "sensitivity" in shown
    assert "rbca" not in shown


def test_fusions_say_what_may_be_added_to_their_names() -> None:
    shown = " ".join(runner.invoke(app, ["list", "fusions"]).stdout.split())
    assert "NAME+POOL joins the slices of a scan (concat+attention); NAME+BASELINE" in shown
    assert "NAME+POOL" not in runner.invoke(app, ["list", "metrics"]).stdout


def test_list_names_gives_every_member_of_a_family() -> None:
    shown = runner.invoke(app, ["list", "backbones", "--names"]).stdout
    assert "resnet50" in shown
    assert "convnext_tiny" in shown


def test_plugins_show_where_they_come_from_and_what_they_do() -> None:
    shown = runner.invoke(app, ["plugins"]).stdout
    for words in (("builtin", "fusekit 0.1.0"), ("rbca", "register"), ("adni", "register_commands")):
        assert all(word in shown for word in words)


def test_list_plugins_and_help_import_nothing_heavy() -> None:
    tables = "numpy", "pandas"
    for arguments, needed in ((["list"], ()), (["plugins"], ()), (["--help"], ()), (["run", "--help"], tables)):
        code = (
            "import sys; sys.argv[1:] = " + repr(arguments) + "\n"
            "from fusekit.cli import main\n"
            "try: main()\n"
            "except SystemExit as end: assert not end.code, end.code\n"
            "heavy = {'torch', 'timm', 'numpy', 'pandas', 'nilearn', 'matplotlib', 'sklearn'} & set(sys.modules)\n"
            f"assert not heavy - {set(needed)}, heavy"  # presets, which `run --help` shows, lie in tasks
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
