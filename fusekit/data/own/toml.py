"""The TOML in which people describe their own data: read, and every key of it checked."""

from collections.abc import Iterable
from dataclasses import fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from fusekit.data.cohort import OURS
from fusekit.data.images.channels import check_names
from fusekit.data.images.dicom.frames import TRAITS
from fusekit.data.own.attributes import Known, named
from fusekit.data.own.description import Further, Named, OwnColumn, OwnData, OwnImage, Place
from fusekit.data.own.images.series import Wanted
from fusekit.data.own.keys import read_toml
from fusekit.data.own.outcome import OutcomeKeys
from fusekit.data.own.places import Pattern
from fusekit.data.own.problems import Problems
from fusekit.data.slices.policy import SlicePolicy
from fusekit.data.task import Preset
from fusekit.errors import DataError, OptionError
from fusekit.extension import catalog
from fusekit.extension.registry import suggest

#: The middle tenth of the axial slices, wherever the volume lies.
SLICES = SlicePolicy(plane="axial", space="fraction", start=0.45, stop=0.55)

_ENTRIES = """
    title data table sheet join_ids images masks series choose subject scan label classes positive leave_out columns
    groups subgroups tables rows_without_image rows_without_table rows_without_subject metrics slices training
""".split()  # noqa: SIM905 (words read better than quoted ones)


#: What says where one image lies; under other keys of ``images`` lie several.
_PLACE = ("column", "named_after")


def read_own(path: Path) -> OwnData:
    """Read and check a TOML; refuse all keys that are unknown, missing or of the wrong kind, with their lines."""
    text, entries = read_toml(path)
    problems = Problems(path)
    made = _Reader(path, text, problems).read(entries)
    problems.refuse()
    assert made is not None  # else there was a problem
    return made


class _Reader(OutcomeKeys):
    def read(self, entries: dict[str, Any]) -> OwnData | None:
        self.known(entries, _ENTRIES)
        before = len(self.problems.sentences)
        outcome, usual = self.outcome(entries)
        folder = self.path.parent / Path(self.text(entries, "data") or ".").expanduser()
        made: dict[str, Any] = {
            "path": self.path,
            "folder": folder,
            "title": self.text(entries, "title") or self.path.stem,
            "table": self.text(entries, "table", needed=True),
            "sheet": self.text(entries, "sheet"),
            "join_alike": self.choice(entries, "join_ids", ("exact", "alike")) == "alike",
            **self.images(entries, self.wanted(entries)),
            "masks": self.place(entries, "masks"),
            "subject": self.text(entries, "subject", needed=True),
            "scan": self.text(entries, "scan"),
            **outcome,
            "leave_out": self.texts(entries, "leave_out"),
            "columns": tuple(self.columns(entries)),
            "groups": self.texts(entries, "groups"),
            "subgroups": self.texts(entries, "subgroups"),
            "tables": tuple(self.further(entries)),
            "without_image": self.choice(
                entries, "rows_without_image", ("refuse", "leave out", "leave out empty", "keep")
            ),
            "without_table": self.choice(entries, "rows_without_table", ("gaps", "keep")),
            "without_subject": self.choice(entries, "rows_without_subject", ("refuse", "leave out")) == "leave out",
            "metrics": self.metrics(entries, usual),
            "preset": self.preset(entries),
        }
        columns = [column.name for column in made["columns"]]
        roles = {made[role]: role for role in ("scan", "subject", "label") if made[role]}
        roles |= {made["timed"].column: "time"} if made.get("timed") else {}
        for key, names in (("groups", made["groups"]), ("subgroups", made["subgroups"]), ("columns", columns)):
            for name in names:
                if key == "columns" and name in roles:
                    self.wrong((key,), f"has {name!r}, which is the {roles[name]} and can be no input.")
                elif name.lower() in OURS:
                    self.wrong((key,), f"cannot hold a column called {name!r}; rename it in the table.")
                elif key == "subgroups" and name in roles:
                    self.wrong((key,), f"has {name!r}, which is label or identifier and splits no one.")
        known = {*made["groups"], *columns}
        made["groups"] += tuple(name for name in dict.fromkeys(made["subgroups"]) if name not in known)
        return OwnData(**made) if len(self.problems.sentences) == before else None

    def images(self, entries: dict[str, Any], series: Wanted | None) -> dict[str, Any]:
        """The images of a scan: one place, or several by name."""
        value = entries.get("images")
        one = isinstance(value, dict) and any(get_close_matches(key, _PLACE, cutoff=0.8) for key in value)
        if one or not isinstance(value, dict):
            return {"images": self.place(entries, "images", needed=True), "series": series}
        found = []
        for name, given in value.items():
            own, entry = series, given
            if isinstance(given, dict):
                own = self.wanted(given, ("images", name)) or series
                entry = {key: one for key, one in given.items() if key not in ("series", "choose")}
            place = self.place({name: entry}, name, ("images",), needed=True)
            found += [] if place is None else [OwnImage(name, place, own)]  # else it was noted
        try:
            check_names(list(value))
        except DataError as error:
            self.wrong(("images",), f"does not fit: {error}")
        if not found:
            return {"images": None, "series": series}
        first, *further = found
        return {"name": first.name, "images": first.place, "series": first.series, "further": tuple(further)}

    def place(
        self, entries: dict[str, Any], name: str, at: tuple[str, ...] = (), *, needed: bool = False
    ) -> Place | None:
        value = entries.get(name)
        if isinstance(value, dict):
            self.known(value, _PLACE, (*at, name))
            if "named_after" in value:
                return Named(self.text(value, "named_after", (*at, name)))
            return self.text(value, "column", (*at, name), needed=True)
        text = self.text(entries, name, at, needed=needed)
        try:
            return Pattern(text) if text else None
        except DataError as error:
            self.wrong((*at, name), str(error))
            return None

    def wanted(self, entries: dict[str, Any], at: tuple[str, ...] = ()) -> Wanted | None:
        """Which DICOM series, and which of its volumes; None: headers are not looked at."""
        if "series" not in entries and "choose" not in entries:
            return None
        choose = self.table(entries, "choose", at)
        for name, value in choose.items():
            if name not in TRAITS:
                self.wrong((*at, "choose", name), f"tells no volumes apart; these do: {', '.join(TRAITS)}.")
            elif isinstance(value, bool) or not isinstance(value, str | int | float):
                self.wrong((*at, "choose", name), f"takes a number or a text, not {value!r}.")
        name = self.text(entries, "series", at) if entries.get("series") != "" else ""  # "" takes the only one
        return Wanted(name, choose=tuple(choose.items()))

    def columns(self, entries: dict[str, Any]) -> list[OwnColumn]:
        value = entries.get("columns", [])
        if not isinstance(value, dict):
            names = self.texts(entries, "columns")
            if len(set(names)) < len(names):
                self.wrong(("columns",), "names a column twice.")
            return [OwnColumn(name) for name in names]
        return [self.column(name, options) for name, options in value.items()]

    def column(self, name: str, options: Any) -> OwnColumn:
        at = ("columns", name)
        options = {"kind": options} if isinstance(options, str) else options
        if not isinstance(options, dict):
            self.wrong(at, f'takes {{kind = "number"}} or {{kind = "category"}}, not {options!r}.')
            return OwnColumn(name)
        self.known(options, [field.name for field in fields(OwnColumn)][1:], at)
        kind = self.choice(options, "kind", ("number", "category"), at) if "kind" in options else ""
        for only, entry in (("number", "unit low high signed"), ("category", "categories")):
            for each in entry.split():
                if each in options and kind not in ("", only):
                    self.wrong((*at, each), f"is for a {only}, and this is a {kind}.")
                kind = kind or (only if each in options else "")
        attribute = self.attribute(name, options, at) if "attribute" in options else None
        return OwnColumn(
            name,
            kind,
            attribute=attribute,
            unit=self.text(options, "unit", at),
            **self.limits(options, at),
            signed=bool(self.flag(options, "signed", at)),
            categories=self.texts(options, "categories", at),
            missing=self.texts(options, "missing", at),
        )

    def attribute(self, name: str, options: dict[str, Any], at: tuple[str, ...]) -> Known | None:
        for each in sorted({*options} - {"attribute", "unit", "missing"}):
            self.wrong((*at, each), "is known for an attribute and cannot be set beside it.")
        try:
            return named(self.text(options, "attribute", at), name, self.text(options, "unit", at))
        except DataError as error:
            self.wrong((*at, "attribute"), str(error))
            return None

    def further(self, entries: dict[str, Any]) -> Iterable[Further]:
        for number, table in enumerate(self.tables(entries, "tables"), 1):
            at = (f"tables[{number}]",)
            self.known(table, ["file", "sheet", "key", "to", "columns", "rows_without_match"], at)
            key = self.texts(table, "key", at)
            to = self.texts(table, "to", at) or key
            if not key or len(to) != len(key):
                self.wrong(at, 'takes key = "column", and to = "column" if the main table calls it otherwise.')
            optional = self.choice(table, "rows_without_match", ("refuse", "empty"), at) == "empty"
            file, columns = self.text(table, "file", at, needed=True), self.texts(table, "columns", at)
            yield Further(file, key, to, columns, optional, self.text(table, "sheet", at))

    def metrics(self, entries: dict[str, Any], usual: tuple[str, ...]) -> tuple[str, ...]:
        names = self.texts(entries, "metrics")
        known = catalog().metrics.names()
        for name in names:
            if name not in known:
                self.wrong(("metrics",), f"has {name!r}, which is no metric; {suggest(name, known)}")
        return names or usual

    def preset(self, entries: dict[str, Any]) -> Preset:
        slices, training = self.table(entries, "slices"), self.table(entries, "training")
        if "space" in slices and not {"start", "stop"} <= set(slices):
            self.wrong(("slices", "space"), "takes start and stop beside it, since they count in it.")
        policy = self.options("slices", SlicePolicy, slices, ())
        found = self.options("training", Preset, training, ("slices",))
        try:
            return replace(Preset(**found), slices=replace(SLICES, **policy))
        except OptionError as error:
            self.wrong(("slices",), f"does not fit: {error}")
            return Preset()
