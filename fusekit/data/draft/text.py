"""A draft as TOML, with comments that say why each line is as it is."""

from __future__ import annotations

import tomlkit
from tomlkit import TOMLDocument
from tomlkit.items import InlineTable, Table

from fusekit.data.draft.columns import Judged
from fusekit.data.draft.draft import Draft
from fusekit.data.draft.pattern import Guess


def as_toml(made: Draft, data: str) -> str:
    """Write a draft down; ``data`` is the data folder as seen from where the TOML will lie."""
    text = tomlkit.document()
    _say(text, "Drafted by `fusekit new-task` from what lay in the folder. Nothing here is certain: read every line,")
    _say(text, "then `fusekit check` this file, and `fusekit run` it.")
    text.add(tomlkit.nl())
    text.add("title", tomlkit.string(f"{made.label or 'label'}, from images and {made.table}"))
    text["title"].comment("the question, in your words")
    if data != ".":
        text.add("data", tomlkit.string(data))
        text["data"].comment("paths below start here")
    text.add("table", tomlkit.string(made.table))
    text["table"].comment(f"{made.rows} rows")
    _images(text, made)
    _ids(text, made)
    _label(text, made)
    if made.groups:
        text.add(tomlkit.nl())
        _say(text, "Columns that describe scans; no inputs, but looked at by the audit.")
        text.add("groups", list(made.groups))
    text.add(tomlkit.nl())
    text.add("columns", _columns(made))
    text.add("slices", _slices(made))
    text.add("training", _training())
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
        _say(text, "No column's values stand in the images' names. Name the column that tells them apart in braces,")
        _say(text, 'such as "scans/{scan_id}.nii.gz", or a column of paths: images = {column = "path"}.')
        text.add("images", tomlkit.string(made.found.images[kind][0]))
    else:
        text.add("images", _place(made.images))
        text["images"].comment(f"gives {made.images.rows} of {made.rows} rows exactly one image")
        if made.images.rows < made.rows:
            text.add("rows_without_image", tomlkit.string("refuse"))
            text["rows_without_image"].comment('"leave out" goes on without the other rows')
    if made.masks is not None:
        text.add("masks", _place(made.masks))
        text["masks"].comment(f"{made.masks.rows} rows have one; see largest, below")
    elif made.found.masks:
        _say(text, f"Taken for masks, and not used: {len(made.found.masks)} images, e.g. {made.found.masks[0]}")


def _place(way: Guess) -> InlineTable | tomlkit.items.String:
    if not way.is_column:
        return tomlkit.string(way.text)
    place = tomlkit.inline_table()
    place.add("column", way.text)
    return place


def _ids(text: TOMLDocument, made: Draft) -> None:
    text.add(tomlkit.nl())
    text.add("subject", tomlkit.string(made.subject))
    text["subject"].comment("the person: whole subjects are held out, so this must be right")
    if made.scan:
        text.add("scan", tomlkit.string(made.scan))


def _label(text: TOMLDocument, made: Draft) -> None:
    text.add(tomlkit.nl())
    if not made.label:
        _say(text, "No column looks like a label: few values, one for each subject. Name it, and its classes.")
    elif made.other_labels:
        _say(text, f"A guess! It may also be one of: {', '.join(made.other_labels)}")
    else:
        _say(text, "A guess! The only column with few values, or with a name, that suggest it.")
    text.add("label", tomlkit.string(made.label or "?"))
    counts = ", ".join(f"{value}: {count}" for value, count in made.label_values.items())
    classes = _in_order(made.label_values) or ["no", "yes"]
    text.add("classes", classes)
    if counts:
        text["classes"].comment(_line(counts))
    if len(classes) == 2:
        text.add("positive", tomlkit.string(classes[1]))
        text["positive"].comment("what sensitivity is about: right?")
    filled = sum(made.label_values.values())
    if made.label and filled < made.rows:
        text.add("leave_out", [""])
        text["leave_out"].comment(f"{made.rows - filled} rows have no label")


def _in_order(values: dict[str, int]) -> list[str]:
    """Class names with the likely positive one last: 1, yes, malignant; else the rarer one."""
    negative = {
        "0",
        "no",
        "n",
        "false",
        "negative",
        "neg",
        "benign",
        "control",
        "controls",
        "healthy",
        "normal",
        "cn",
        "hc",
    }
    return sorted(
        values, key=lambda value: (value.lower() not in negative, -values[value] if len(values) == 2 else 0, value)
    )


def _columns(made: Draft) -> Table:
    table = tomlkit.table()
    _say(table, "Inputs. Lines that begin with # are left out, for the reason at their end.")
    for column in made.columns:
        entry = _column(column)
        if column.reason:
            key = tomlkit.key(column.name).as_string()
            table.add(tomlkit.comment(f"{key} = {entry.as_string()}  # {column.reason} ({_line(column.seen)})"))
        else:
            table.add(column.name, entry)
            entry.comment(_line(column.seen))
    return table


def _column(column: Judged) -> InlineTable:
    entry = tomlkit.inline_table()
    entry.add("kind", column.kind)
    if column.unit and column.kind == "number":
        entry.add("unit", column.unit)
    if column.categories:
        entry.add("categories", list(column.categories))
    if column.missing:
        entry.add("missing", list(column.missing))
    return entry


def _slices(made: Draft) -> Table:
    table = tomlkit.table()
    if made.found.kind == "picture":
        return _filled(table, {"plane": "axial", "space": "fraction", "start": 0.0, "stop": 1.0, "fit": "pad"})
    _say(
        table,
        "The middle tenth of the axial slices; plane may be sagittal, coronal, axial or volume (the whole in 3-D).",
    )
    _filled(table, {"plane": "axial", "space": "fraction", "start": 0.45, "stop": 0.55, "fit": "stretch"})
    if made.ct:
        table.add("window", [400, 40])
        table["window"].comment("width and level in Hounsfield units: soft tissue")
    if made.masks is not None:
        table.add(tomlkit.comment("largest = 5  # instead: the five slices with the largest masked area"))
    return table


def _training() -> Table:
    table = tomlkit.table()
    return _filled(table, {"backbone": "resnet50", "epochs": 100, "batch_size": 16, "lr": 1e-4, "image_size": 256})


def _filled(table: Table, values: dict[str, object]) -> Table:
    for name, value in values.items():
        table.add(name, value)
    return table


def _say(text: TOMLDocument | Table, sentence: str) -> None:
    text.add(tomlkit.comment(_line(sentence)))


def _line(text: str) -> str:
    """Text as a comment may hold it: on one line, without control characters."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
