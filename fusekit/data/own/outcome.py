"""What a TOML says is predicted: classes, classes in an order, a number, or the time to an event."""

from itertools import chain
from typing import Any

from fusekit.data.own.description import Timed
from fusekit.data.own.keys import Keys
from fusekit.data.target import Number, TimeToEvent
from fusekit.errors import DataError
from fusekit.extension.registry import suggest

TWO = ("accuracy", "sensitivity", "specificity", "ppv", "npv", "auc")
MORE = ("accuracy", "balanced-accuracy", "macro-auc")
ORDERED = ("cuts-auc", "quadratic-kappa", "rank-error", "accuracy", "balanced-accuracy")
NUMBERS = ("mae", "rmse", "r2", "spearman", "calibration-slope")
TIMES = ("uno-c", "harrell-c", "time-auc", "integrated-brier", "observed-over-predicted")

#: What each kind of label but that of classes takes: its own name is that of the column.
_KINDS = {
    "ordered": ("ordered", "order"),
    "event": ("event", "time", "horizons", "unit", "name", "intervals", "seen", "censored", "entry"),
    "number": ("number", "unit"),
}
_AT = ("label",)


class OutcomeKeys(Keys):
    """Takes the entries ``label``, ``classes`` and ``positive``."""

    def outcome(self, entries: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The fields of ``OwnData`` that say what is predicted, and the usual metrics."""
        value = entries.get("label")
        if not isinstance(value, dict):
            classes = self._classes(entries)
            usual = TWO if len(classes) == 2 else MORE
            return {"label": self.text(entries, "label", needed=True), "classes": classes}, usual
        kind = "ordered" if "order" in value else "event" if "time" in value else "number"
        kind = next((kind for kind in _KINDS if kind in value), kind)
        self.known(value, _KINDS[kind] if kind in value else sorted({*chain.from_iterable(_KINDS.values())}), _AT)
        for each in ("classes", "positive"):
            if each in entries:
                ordered = "is for classes without an order; label.order names those of this one."
                self.wrong(
                    (each,), ordered if kind == "ordered" else "is for a label of classes, and this one is none."
                )
        found: dict[str, Any] = {"label": self.text(value, kind, _AT, needed=True), "classes": {}}
        if kind == "ordered":
            return {**found, "classes": self._order(entries, value), "ordered": True}, ORDERED
        if kind == "event":
            return {**found, "event": self._event(value, found["label"]), "timed": self._timed(value)}, TIMES
        return {**found, "number": Number(found["label"] or "?", self.text(value, "unit", _AT))}, NUMBERS

    def _timed(self, value: dict[str, Any]) -> Timed:
        """Where the time to an event is, and what is written in the column of the event."""
        seen, censored = (self.texts(value, name, _AT) for name in ("seen", "censored"))
        if bool(seen) != bool(censored):
            self.wrong(
                _AT, "takes seen and censored together: what is written where the event was seen, and where not."
            )
        if both := sorted(set(seen) & set(censored)):
            self.wrong(_AT, f"has the value {both[0]!r} for seen and for censored.")
        time, entry = self.text(value, "time", _AT, needed=True), self.text(value, "entry", _AT)
        if entry and entry in (time, value.get("event")):
            self.wrong((*_AT, "entry"), f"is the column {entry!r}, which is that of the event or of its time.")
        return Timed(time, seen, censored, entry)

    def _event(self, value: dict[str, Any], column: str) -> TimeToEvent | None:
        """The event whose time is predicted; None if it was noted that it is none."""
        horizons, intervals = value.get("horizons"), value.get("intervals", 10)
        if not (isinstance(horizons, list) and all(type(one) in (int, float) for one in horizons)):
            self.wrong(_AT, "takes horizons, the times at which survival is stated, such as horizons = [12, 24, 36].")
            return None
        if type(intervals) is not int:
            self.wrong((*_AT, "intervals"), f"takes a whole number, not {intervals!r}.")
            return None
        name, unit = self.text(value, "name", _AT) or column or "?", self.text(value, "unit", _AT)
        try:
            return TimeToEvent(name, tuple(map(float, horizons)), unit, intervals)
        except DataError as error:
            self.wrong((*_AT, "horizons"), f"does not fit: {error}")
            return None

    def _order(self, entries: dict[str, Any], value: dict[str, Any]) -> dict[str, tuple[str, ...]]:
        """The classes of a label that has an order, the lowest first."""
        at = (*_AT, "order")
        found = self._values(value, at, '["low", "middle", "high"], the lowest first')
        self._apart(entries, found, at)
        if len(found) == 2:
            self.wrong(at, "has two classes, which need no order: name them in classes.")
        return found

    def _classes(self, entries: dict[str, Any]) -> dict[str, tuple[str, ...]]:
        found = self._values(entries, ("classes",), '["benign", "malignant"]')
        if not found:
            return {}
        self._apart(entries, found, ("classes",))
        positive = self.text(entries, "positive")
        if positive and positive not in found:
            self.wrong(("positive",), f"names no class: {positive!r}; {suggest(positive, found)}")
        elif positive and len(found) > 2:
            self.wrong(("positive",), f"is for two classes; with {len(found)} none is the positive one.")
        elif positive:
            found = {name: found[name] for name in sorted(found, key=lambda name: name == positive)}
        return found

    def _values(self, entries: dict[str, Any], at: tuple[str, ...], such: str) -> dict[str, tuple[str, ...]]:
        """Name of each class -> the cells that mean it; ``such``: an example."""
        value = entries.get(at[-1])
        if isinstance(value, dict):
            found = {name: self.texts(value, name, at) for name in value}
        elif isinstance(value, list):
            found = {name: (name,) for name in self.texts(entries, at[-1], at[:-1])}
        else:
            self.wrong(at, f"takes names, such as {such}, or for each name its values.")
            return {}
        if len(found) < 2 or (isinstance(value, list) and len(found) < len(value)):
            self.wrong(at, f"takes two or more different classes, not {value!r}.")
        return found

    def _apart(self, entries: dict[str, Any], found: dict[str, tuple[str, ...]], at: tuple[str, ...]) -> None:
        """Refuse values that two classes have, or a class and ``leave_out``."""
        owner: dict[str, str] = {}
        for name, values in found.items():
            if not values:
                self.wrong((*at, name), "has no values.")
            for each in values:
                if owner.setdefault(each, name) != name:
                    self.wrong((*at, name), f"has the value {each!r}, which {owner[each]} has too.")
        for each in self.texts(entries, "leave_out"):
            if each in owner:
                self.wrong(("leave_out",), f"has the value {each!r}, which the class {owner[each]} has too.")
