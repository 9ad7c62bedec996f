"""Write a distribution that registers one component: it installs, passes its own tests, and runs."""

from __future__ import annotations

import keyword
import re
import tomllib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fusekit.disk import filled, new_folder
from fusekit.errors import OptionError, UnknownName
from fusekit.extension.discovery import catalog
from fusekit.extension.registry import suggest

_HERE = Path(__file__).parent
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_PREFIX = "fusekit-"


@dataclass(frozen=True, slots=True)
class Plugin:
    """What was written, and a command that uses it once it is installed."""

    folder: Path
    files: tuple[str, ...]
    run: str


def kinds() -> dict[str, dict[str, Any]]:
    """Kind -> what it is, what it registers, how it is run."""
    return tomllib.loads((_HERE / "kinds.toml").read_text(encoding="utf-8"))


def write_plugin(name: str, kind: str = "head", out: Path | None = None) -> Plugin:
    """Write the distribution ``fusekit-NAME``, whose package ``fusekit_NAME`` registers a component called NAME.

    Args:
        name: lower-case letters, digits and hyphens; a prefix ``fusekit-`` is left away.
        kind: of the component.
        out: folder, new or empty; None: ``fusekit-NAME``, where you are.

    Raises:
        UnknownName: there is no such kind.
        OptionError: the name is none, or is taken; or the folder is not empty.
    """
    known = kinds()
    if kind not in known:
        raise UnknownName(f"--kind {kind} has no template; {suggest(kind, known)}")
    name = _checked(name)
    package = f"fusekit_{name.replace('-', '_')}"
    cls = "".join(part.capitalize() for part in name.split("-"))
    if keyword.iskeyword(cls):
        raise OptionError(f"the class of {name!r} would be {cls}, a word of Python's. Take another name.")
    _refuse_taken(name, package, known[kind]["registers"])
    out = out or Path(f"{_PREFIX}{name}")
    if filled(out):
        raise OptionError(f"--out {out} exists and is not empty. Take another folder, or remove it.")
    words = {"name": name, "package": package, "cls": cls, "kind": kind, "distribution": f"{_PREFIX}{name}"}
    words |= {word: known[kind][word].replace("NAME", name) for word in ("about", "run")}
    written = []
    with new_folder(out) as folder:
        for template in sorted([*(_HERE / "shared").iterdir(), *(_HERE / kind).iterdir()]):
            file = Path(template.stem)
            if file.suffix == ".py":
                file = Path("tests" if file.name.startswith(("test_", "conftest")) else package) / file
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_text(_rendered(template, words), encoding="utf-8")
            written.append(file.as_posix())
    return Plugin(out, tuple(sorted(written)), f"fusekit {words['run']}")


def _checked(name: str) -> str:
    plain = re.sub(r"[\s_]+", "-", name.strip()).removeprefix(_PREFIX)
    if not _NAME.fullmatch(plain):
        hyphened = re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", plain).lower())
        near = hyphened.lstrip("-0123456789").rstrip("-") or "gated-sum"
        raise OptionError(
            f"a plugin's name begins with a letter and is of lower-case letters, digits and single hyphens, "
            f"such as {near!r}, not {name!r}."
        )
    return plain


def _refuse_taken(name: str, package: str, registers: list[str]) -> None:
    found = catalog()
    for kind in registers:
        try:
            entry = found.registries[f"{kind}s"].find(name)
        except UnknownName:
            continue
        raise OptionError(f"the {kind} {name!r} is registered already, by {entry.plugin}. Take another name.")
    if name in found.host.plugins:
        raise OptionError(f"{found.host.plugins[name]} is installed already. Take another name.")
    if find_spec(package) is not None:
        raise OptionError(f"the package {package!r} of {name!r} is installed already. Take another name.")


def _rendered(template: Path, words: dict[str, str]) -> str:
    from jinja2 import StrictUndefined, Template

    text = template.read_text(encoding="utf-8")
    return str(Template(text, undefined=StrictUndefined, keep_trailing_newline=True).render(words))
