"""How the runs were made: versions, seeds, fingerprints, configuration, and the command that does it again."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import PureWindowsPath
from typing import Any

from fusekit.report.evidence import Evidence
from fusekit.report.formatting import NOTHING
from fusekit.report.page.tables import Cell, Grid
from fusekit.report.records import LATE

#: Entries of a configuration that say where files lie, and nothing about the numbers.
PLACES = ("out", "data", "recipe")
#: Options of the command line that are not repeated by name and value.
_APART = (*PLACES, "task", "fusion", "baseline", "options", "search", "allow", "seed", "seeds", "jobs", "device")

_PATH = re.compile(r"(?<![\w.:/\\-])(?:~|[A-Za-z]:)?[/\\](?:[^\s/\\'\",;:()<>]+[/\\])+([^\s/\\'\",;:()<>]*)")


def scrubbed(text: str) -> str:
    """Shorten absolute paths to what they end in: a report is passed on, and folders are private."""
    return _PATH.sub(lambda found: f"…/{found[1]}" if found[1] else "…", text)


def settings(config: Mapping[str, Any]) -> dict[str, str]:
    """A configuration as flat text, without places."""
    flat: dict[str, str] = {}
    for name, value in config.items():
        if name in PLACES:
            continue
        if name == "options":
            for part, chosen in value.items():
                flat |= {f"{part}.{option}": scrubbed(_text(one)) for option, one in chosen.items()}
        elif name == "search":
            flat |= {f"search {searched}": _text(candidates) for searched, candidates in value.items()}
        elif value != "" and not (isinstance(value, list | tuple | dict) and not value):
            flat[name] = scrubbed(_text(value))
    return flat


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def config_grid(evidence: Evidence) -> Grid:
    """One row per entry: the value, or each arm's where they differ."""
    by_arm = {arm.name: settings(arm.runs[0].manifest.get("config", {})) for arm in evidence.arms}
    rows = []
    for name in dict.fromkeys(name for flat in by_arm.values() for name in flat if name != "seed"):
        values = {arm: flat.get(name, NOTHING) for arm, flat in by_arm.items()}
        one = set(values.values())
        rows.append([Cell(name), Cell("; ".join(one if len(one) == 1 else map(": ".join, values.items())))])
    rows.append([Cell("seeds"), Cell(", ".join(map(str, evidence.seeds)))])
    return Grid("Configuration, complete but for where files lie", ["entry", "value"], rows, texts=(1,))


def versions_grid(evidence: Evidence) -> Grid:
    """Versions, plugins, device and fingerprints of the first run; what another run has otherwise, beside it."""
    facts: dict[str, dict[str, str]] = {}  # name -> value -> the first run that has it
    for arm in evidence.arms:
        for run in arm.runs:
            for name, value in _facts(run.manifest).items():
                facts.setdefault(name, {}).setdefault(value, f"{arm.name}, seed {run.seed}")
    rows = []
    for name, values in facts.items():
        texts = [f"{value} (from {first} on)" for value, first in values.items()] if len(values) > 1 else values
        rows.append([Cell(name), Cell("; ".join(texts))])
    return Grid("Versions and fingerprints", ["what", "value"], rows, texts=(1,))


def _facts(manifest: Mapping[str, Any]) -> dict[str, str]:
    plugins = [f"{p['name']} ({p['distribution']} {p['version']})" for p in manifest.get("plugins", ())]
    digests = manifest.get("data", {}).get("fingerprint", {})
    facts = {
        **manifest.get("versions", {}),
        "plugins": ", ".join(plugins),
        "device": manifest.get("machine", {}).get("device"),
        **{f"SHA-256 of {name}": digest for name, digest in digests.items()},
        "SHA-256 of the recipe": manifest.get("recipe", {}).get("sha256"),
    }
    return {name: str(fact) for name, fact in facts.items() if fact}


def again(evidence: Evidence) -> list[str]:
    """Command lines that make all of it again; ``DIR`` and ``RUN`` are the reader's own folders."""
    config: Mapping[str, Any] = evidence.manifest.get("config", {})
    kinds = {arm.kind for arm in evidence.arms}
    trained = [arm for arm in evidence.arms if arm.kind == "fusion"]  # a late fusion is named by what it joins
    named = all(arm.name == arm.runs[0].manifest.get("config", {}).get("fusion", arm.name) for arm in trained)
    if not kinds <= {"fusion", "baseline", LATE} or not named or (len(evidence.arms) == 1 and kinds == {"baseline"}):
        return ["fusekit run --config RUN/manifest.json"] * ("fusion" in kinds)
    task = str(config.get("task", evidence.task))
    words = [PureWindowsPath(task).name if task.endswith(".toml") else task]
    if len(evidence.arms) == 1:
        command = "run"
        words += ["--fusion", evidence.arms[0].name, "--seed", str(evidence.seeds[0])]
    else:
        command = "compare"
        for option, kind in (("--fusion", "fusion"), ("--baseline", "baseline")):
            names = [arm.name for arm in evidence.arms if arm.kind == kind]
            words += [option, ",".join(names)] if names else []
        late = [arm.name.partition(" ")[0] for arm in evidence.arms if arm.kind == LATE]
        words += ["--late-fusion", ",".join(late)] if late else []
        words += ["--seeds", str(len(evidence.seeds))]
    for name, value in config.items():
        if name not in _APART and value not in (None, "", [], {}):
            words += [f"--{name.replace('_', '-')}", _text(value)]
    for code in config.get("allow", ()):
        words += ["--allow", str(code)]
    for part, chosen in config.get("options", {}).items():
        for option, value in chosen.items():
            words += ["-o", f"{part}.{option}={scrubbed(_text(value))}"]
    for name, candidates in config.get("search", {}).items():
        several = candidates if isinstance(candidates, list) else [candidates]
        words += ["--search", f"{name}={','.join(map(str, several))}"]
    line = shlex.join(["fusekit", command, *words])
    return [line + "".join(f" --{name} DIR" for name in ("data", "recipe") if config.get(name))]
