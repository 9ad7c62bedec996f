"""The rules of the architecture that can be read off the sources."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from docs import architecture
from fusekit.extension.above import ABOVE, above

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(path.name for path in (ROOT / "plugins").iterdir() if (path / "__init__.py").exists())
SOURCES = sorted([*ROOT.glob("fusekit/**/*.py"), *ROOT.glob("plugins/**/*.py")])

#: Room -> its floor, from the table that the architecture page is generated from.
FLOORS = {room: floor for floor, rooms in enumerate(architecture.floors()) for room in rooms}


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[1:] if parts[0] == "plugins" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Modules that a file imports, wherever in it and for whatever: inside functions and for typing too."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                yield inside if inside in MODULES else node.module or ""


MODULES = {module_of(path): path for path in SOURCES}


def room(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "fusekit" and len(parts) > 1 and parts[1] in FLOORS else None


def test_every_room_of_the_core_has_a_floor() -> None:
    rooms = {path.relative_to(ROOT / "fusekit").parts[0].removesuffix(".py") for path in ROOT.glob("fusekit/**/*.py")}
    assert rooms - {"__init__"} == set(FLOORS)


@pytest.mark.parametrize("path", [p for p in SOURCES if p.is_relative_to(ROOT / "fusekit")], ids=module_of)
def test_core_files_import_from_their_own_room_or_lower_floors(path: Path) -> None:
    here = room(module_of(path))
    if here is None:
        return  # fusekit/__init__.py names everything, lazily
    for module in imports(path):
        there = room(module)
        assert there is None or there == here or FLOORS[there] < FLOORS[here], f"{here} imports {module}"
        assert module.split(".")[0] not in PLUGINS, f"the core imports the plugin {module}"


def test_what_is_named_of_higher_floors_is_there_and_stands_in_one_table() -> None:
    for method in ABOVE:
        assert callable(above(method))
        called = f'above("{method}")'
        assert sum(called in path.read_text(encoding="utf-8") for path in SOURCES) == 1, f"{method} has no caller"
    for path in SOURCES:
        if path.is_relative_to(ROOT / "fusekit") and room(module_of(path)) not in (None, "builtin", "extension"):
            for name in re.findall(r'"fusekit\.([a-z_]+)[\w.]*:\w+"', path.read_text(encoding="utf-8")):
                here = room(module_of(path))
                assert here is not None
                assert FLOORS[name] <= FLOORS[here], f"{path} names {name}"


@pytest.mark.parametrize("path", [p for p in SOURCES if p.is_relative_to(ROOT / "plugins")], ids=module_of)
def test_plugins_import_fusekit_and_themselves(path: Path) -> None:
    own = module_of(path).split(".")[0]
    for module in imports(path):
        top = module.split(".")[0]
        assert top != "plugins", f"{module}: plugins are imported by their final name"
        assert top not in PLUGINS or top == own, f"{own} imports the plugin {module}"


def test_there_are_no_circles() -> None:
    """Between any two files: imports for typing, imports inside functions and what ``__init__`` re-exports included."""
    edges = {module: sorted({m for m in imports(path) if m in MODULES} - {module}) for module, path in MODULES.items()}
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, "circle: " + " -> ".join([*above[above.index(module) :], module])
        if module not in done:
            for other in edges[module]:
                visit(other, (*above, module))
            done.add(module)

    for module in sorted(edges):
        visit(module, ())


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in SOURCES}), ids=lambda path: str(path.relative_to(ROOT))
)
def test_folders_show_what_is_in_them(folder: Path) -> None:
    """At most 16 files side by side, and no family that shares a prefix: that is a folder."""
    names = [path.stem for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(names) <= 16, f"{folder} holds {len(names)} files"
    families = Counter(name.partition("_")[0] for name in names if "_" in name)
    assert not {prefix for prefix, members in families.items() if members > 2}, f"{folder}: a prefix family"


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_files_are_short_and_named_for_what_they_hold(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 400, f"{path} has {lines} lines"
    assert path.stem not in ("utils", "util", "helpers", "misc", "common")
    assert not {"utils", "helpers"} & set(path.parts)


@pytest.mark.parametrize("path", [*SOURCES, *sorted(ROOT.glob("examples/**/*.py"))], ids=lambda path: str(path.stem))
def test_nothing_unpickles(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not {"pickle", "dill", "joblib", "shelve"} & {m.split(".")[0] for m in imports(path)}
    for call in ("torch.load(", "torch.save(", "allow_pickle=True", "read_pickle", "to_pickle"):
        if call == "torch.load(" and path == ROOT / "fusekit/disk/state_dict.py":  # weights of others, at one place
            text = text.replace('torch.load(path, map_location="cpu", weights_only=True)', "")
        assert call not in text, f"{path}: {call}"


@pytest.mark.parametrize("module", ["fusekit", "fusekit.cli", *PLUGINS])
def test_importing_loads_nothing_heavy(module: str) -> None:
    heavy = {"torch", "timm", "pandas", "numpy", "nibabel", "nilearn", "matplotlib", "scipy", "lightning_fabric"}
    code = f"import sys, {module}; print(','.join(sorted({heavy} & set(sys.modules))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_tests_mirror_the_sources() -> None:
    sources = {Path(*path.relative_to(ROOT).parts) for path in SOURCES}
    beside = {"test_architecture.py", "conftest.py"}
    for test in ROOT.glob("tests/**/test_*.py"):
        inside = test.relative_to(ROOT / "tests")
        if inside.parts[0] in ("docs", "examples", "integration") or inside.name in beside:
            continue
        source = inside.with_name(inside.name.removeprefix("test_"))
        source = source if inside.parts[0] == "plugins" else "fusekit" / source
        assert source in sources or source.with_suffix("") / "__init__.py" in sources, f"{test} mirrors no source file"


#: The calling rule, the accuracy of a batch that a training bar shows, and a check of metrics of calls.
CALLS = {
    "fusekit/evaluation/thresholds.py",
    "fusekit/testing/metrics.py",
    "fusekit/training/objectives/objective.py",
}


def test_only_the_calling_rule_turns_probabilities_into_a_class() -> None:
    calls = re.compile(r"argmax\((axis|dim)=")
    found = {str(path.relative_to(ROOT)) for path in SOURCES if calls.search(path.read_text(encoding="utf-8"))}
    assert found == CALLS
