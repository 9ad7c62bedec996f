"""A draft as TOML, with comments that say why each line is as it is."""

from __future__ import annotations

import re

import tomlkit
from tomlkit import TOMLDocument
from tomlkit.items import InlineTable, Table

from fusekit.data.draft.draft import Draft
from fusekit.data.draft.pattern import Guess

_NEGATIVE = re.compile("0|no?|false|neg(ative)?|benign|controls?|healthy|normal|cn|hc", re.IGNORECASE)


def as_toml(made: Draft, data: str) -> str:
    """Write a draft down; ``data`` is the data folder as seen from where the TOML will lie."""
    text = tomlkit.document()
    _say(text, "Drafted by `fusekit new-task` from what lay in the folder. Nothing here is certain: read every line,")
    _say(text, "then `fusekit check` this file, and `fusekit run` it.")
    text.add(tomlkit.nl())
    _add(text, "title", f"{made.label or 'label'}, from images and {made.table}", "the question, in your words")
    if data != ".":
        _add(text, "data", data, "paths below start here")
    _add(text, "table", made.table, f"{made.rows} rows")
    _images(text, made)
    text.add(tomlkit.nl())
    _add(text, "subject", made.subject, "the person: whole subjects are held out, so this must be right")
    if made.scan:
        _add(text, "scan", made.scan)
    _label(text, made)
    if made.groups:
        text.add(tomlkit.nl())
        _say(text, "Columns that describe scans; no inputs, but looked at by the audit.")
        text.add("groups", list(made.groups))
    text.add(tomlkit.nl())
    text.add("columns", _columns(made))
    text.add("slices", _slices(made))
    training = {"backbone": "resnet50", "epochs": 100, "batch_size": 16, "lr": 1e-4, "image_size": 256}
    text.add("training", _filled(tomlkit.table(), training))
    return tomlkit.dumps(text)


def _images(text: TOMLDocument, made: Draft) -> None:
    text.add(tomlkit.nl())
    kind = made.found.kind
    _say(text, f"{len(made.found.images[kind])} images found ({kind}). {made.first}")
    for other, paths in made.found.images.items():
        if other != kind:
            _say(text, f"Not used: {len(paths)} of the kind {other}, e.g. {paths[0]}")
    for archive in made.found.archives[:3]:
        _say(text, f"Not used: {archive} is an archive; unpack it yourself if its images belong here.")
    if made.images is None:
        _say(text, "No column's values are in the images' names. Name the column that tells them apart in braces,")
        _say(text, 'such as "scans/{scan_id}.nii.gz", or a column of paths: images = {column = "path"}.')
        _add(text, "images", made.found.images[kind][0])
    else:
        _add(text, "images", _place(made.images), f"gives {made.images.rows} of {made.rows} rows exactly one image")
        if made.images.rows < made.rows:
            _add(text, "rows_without_image", "refuse", '"leave out" uses the other rows without these')
    if made.masks is not None:
        _add(text, "masks", _place(made.masks), f"{made.masks.rows} rows have one; see largest, below")
    elif made.found.masks:
        _say(text, f"Taken for masks, and not used: {len(made.found.masks)} images, e.g. {made.found.masks[0]}")


def _place(way: Guess) -> InlineTable | str:
    return tomlkit.inline_table().append("column", way.text) if way.is_column else way.text


def _label(text: TOMLDocument, made: Draft) -> None:
    text.add(tomlkit.nl())
    if not made.label:
        _say(text, "No column looks like a label: few values, one for each subject. Name it, and its classes.")
    elif made.other_labels:
        _say(text, f"A guess! It may also be one of: {', '.join(made.other_labels)}")
    else:
        _say(text, "A guess! The only column with few values, or with a name, that suggest it.")
    _add(text, "label", made.label or "?")
    # The likely positive one last: 1, yes, malignant; else the rarer one.
    counts, two = made.label_values, len(made.label_values) == 2
    classes = sorted(counts, key=lambda value: (not _NEGATIVE.fullmatch(value), -counts[value] if two else 0, value))
    classes = classes or ["no", "yes"]
    _add(text, "classes", classes, ", ".join(f"{value}: {count}" for value, count in made.label_values.items()))
    if len(classes) == 2:
        _add(text, "positive", classes[1], "what sensitivity is about: right?")
    filled = sum(made.label_values.values())
    if made.label and filled < made.rows:
        _add(text, "leave_out", [""], f"{made.rows - filled} rows have no label")


def _columns(made: Draft) -> Table:
    table = tomlkit.table()
    _say(table, "Inputs. Lines that begin with # are left out, for the reason at their end.")
    for column in made.columns:
        entry = tomlkit.inline_table().append("kind", column.kind)
        unit = column.unit if column.kind == "number" else ""
        for name, value in (("unit", unit), ("categories", column.categories), ("missing", column.missing)):
            if value:
                entry.add(name, value if isinstance(value, str) else list(value))
        if column.reason:
            key = tomlkit.key(column.name).as_string()
            table.add(tomlkit.comment(f"{key} = {entry.as_string()}  # {column.reason} ({_line(column.seen)})"))
        else:
            table.add(column.name, entry)
            entry.comment(_line(column.seen))
    return table


def _slices(made: Draft) -> Table:
    table = tomlkit.table()
    if made.found.kind == "picture":
        return _filled(table, {"plane": "axial", "space": "fraction", "start": 0.0, "stop": 1.0, "fit": "pad"})
    _say(table, "The middle tenth of the axial slices; plane may be sagittal, coronal, axial or volume (all, in 3-D).")
    _filled(table, {"plane": "axial", "space": "fraction", "start": 0.45, "stop": 0.55, "fit": "stretch"})
    if made.ct:
        _add(table, "window", [400, 40], "width and level in Hounsfield units: soft tissue")
    if made.masks is not None:
        table.add(tomlkit.comment("largest = 5  # instead: the five slices with the largest masked area"))
    return table


def _add(text: TOMLDocument | Table, key: str, value: object, comment: str = "") -> None:
    text.add(key, tomlkit.string(value) if isinstance(value, str) else value)
    if comment:
        text[key].comment(_line(comment))


def _filled(table: Table, values: dict[str, object]) -> Table:
    for name, value in values.items():
        table.add(name, value)
    return table


def _say(text: TOMLDocument | Table, sentence: str) -> None:
    text.add(tomlkit.comment(_line(sentence)))


def _line(text: str) -> str:
    """Text as a comment may hold it: on one line, without control characters."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
