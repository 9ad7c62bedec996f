"""The TOML of somebody's own data: what it may say, and every mistake in it named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusekit.data import Ordered, Preset, SlicePolicy
from fusekit.data.own.description import Further, OwnColumn, OwnData
from fusekit.data.own.places import Pattern
from fusekit.data.own.toml import read_own
from fusekit.errors import DataError

LEAST = """
table = "t.csv"
images = "scans/{id}.nii"
subject = "id"
label = "outcome"
classes = ["no", "yes"]
"""
WHOLE = """
title = "A question"
data = "there"
table = "t.csv"
images = {column = "path"}
masks = "masks/{id}.nii"
subject = "patient"
scan = "id"
label = "outcome"
positive = "ill"
leave_out = ["", "unknown"]
groups = ["site"]
subgroups = ["sex", "ward", "site"]
metrics = ["auc"]
rows_without_image = "leave out"

[classes]
ill = [1, "yes"]
well = "0"

[columns]
age = {kind = "number", unit = "years", low = 0, high = 120, missing = [-9]}
sex = "category"
stage = {categories = ["I", "II"]}
afp = {}

[[tables]]
file = "labs.csv"
key = "pid"
to = "patient"
columns = ["afp"]
rows_without_match = "empty"

[slices]
plane = "coronal"
window = [400, 40]

[training]
backbone = "resnet18"
epochs = 3
lr = 1e-3
"""


def write(folder: Path, text: str) -> OwnData:
    (folder / "my.toml").write_text(text, "utf-8")
    return read_own(folder / "my.toml")


def test_the_least_that_one_has_to_say(tmp_path: Path) -> None:
    own = write(tmp_path, LEAST)
    assert (own.title, own.folder, own.scan, own.masks) == ("my", tmp_path, "", None)
    assert own.images == Pattern("scans/{id}.nii")
    assert own.classes == {"no": ("no",), "yes": ("yes",)}
    assert own.metrics == ("accuracy", "sensitivity", "specificity", "ppv", "npv", "auc")
    slices = SlicePolicy(plane="axial", space="fraction", start=0.45, stop=0.55)
    assert own.preset == Preset(slices=slices)


def test_everything_that_one_can_say(tmp_path: Path) -> None:
    own = write(tmp_path, WHOLE)
    assert own.folder == tmp_path / "there"
    assert own.images == "path"
    assert own.masks == Pattern("masks/{id}.nii")
    assert list(own.classes.items()) == [("well", ("0",)), ("ill", ("1", "yes"))]  # the positive one is the second
    assert own.leave_out == ("", "unknown")
    assert own.without_image
    assert own.subgroups == ("sex", "ward", "site")
    assert own.groups == ("site", "ward")  # sex is an input; what is none describes
    assert own.metrics == ("auc",)
    assert own.columns == (
        OwnColumn("age", "number", unit="years", low=0.0, high=120.0, missing=("-9",)),
        OwnColumn("sex", "category"),
        OwnColumn("stage", "category", categories=("I", "II")),
        OwnColumn("afp"),
    )
    assert own.tables == (Further("labs.csv", ("pid",), ("patient",), ("afp",), optional=True),)
    assert (own.preset.backbone, own.preset.epochs, own.preset.lr, own.preset.batch_size) == ("resnet18", 3, 1e-3, None)
    assert (own.preset.slices.plane, own.preset.slices.window, own.preset.slices.start) == ("coronal", (400, 40), 0.45)


def test_more_classes_have_metrics_of_their_own(tmp_path: Path) -> None:
    own = write(tmp_path, LEAST.replace('["no", "yes"]', '["a", "b", "c"]'))
    assert own.metrics == ("accuracy", "balanced-accuracy", "macro-auc")


ORDER = LEAST.replace('classes = ["no", "yes"]\n', "").replace(
    '"outcome"', '{ordered = "outcome", order = ["I", "II", "III"]}'
)


def test_ordered_classes_are_named_with_the_label_the_lowest_first(tmp_path: Path) -> None:
    own = write(tmp_path, ORDER)
    assert own.target == Ordered(("I", "II", "III"))
    assert (own.label, own.classes) == ("outcome", {"I": ("I",), "II": ("II",), "III": ("III",)})
    assert own.metrics == ("cuts-auc", "quadratic-kappa", "rank-error", "accuracy", "balanced-accuracy")
    values = write(tmp_path, ORDER.replace('["I", "II", "III"]', '{low = [3, 1], middle = 2, high = ["4"]}'))
    assert values.classes == {"low": ("3", "1"), "middle": ("2",), "high": ("4",)}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"III"]', "]", r"line 5: label\.order has two classes, which need no order: name them in classes"),
        ('["I", "II", "III"]', '["I"]', r"line 5: label\.order takes two or more different classes"),
        ('["I", "II", "III"]', '["I", "II", "II"]', r"label\.order takes two or more different classes"),
        ('["I", "II", "III"]', '"I"', r"label\.order takes names, such as \[\"low\", \"middle\", \"high\"\]"),
        ('["I", "II", "III"]', '{a = "1", b = "1", c = "2"}', r"label\.order\.b has the value '1', which a has too"),
        ('["I", "II", "III"]', '{a = "1", b = [], c = "2"}', r"label\.order\.b has no values"),
        (', order = ["I", "II", "III"]', "", r"label\.order takes names"),
        ('ordered = "outcome", ', "", r"label\.ordered is missing"),
        ('ordered = "outcome"', 'ordred = "outcome"', r"label\.ordred is no entry here; did you mean 'ordered'"),
        ('ordered = "outcome"', 'ordered = "outcome", unit = "x"', r"label\.unit is no entry here"),
        ('"III"]}', '"III"]}\nclasses = ["a", "b"]', r"classes is for classes without an order"),
        ('"III"]}', '"III"]}\npositive = "III"', r"positive is for classes without an order"),
        ('"III"]}', '"III"]}\nleave_out = ["II"]', r"leave_out has the value 'II', which the class II has too"),
    ],
)
def test_mistakes_in_an_order_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert ORDER.count(old) == 1
    with pytest.raises(DataError, match=message):
        write(tmp_path, ORDER.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("table =", "tabel =", r"my\.toml, line 2: tabel is no entry here; did you mean 'table'"),
        ("table =", "tabel =", r"my\.toml: table is missing"),
        ('"t.csv"', "3", r"line 2: table takes text in quotes, not 3"),
        ('"t.csv"', '""', r"line 2: table takes text in quotes, not ''"),
        ('"scans/{id}.nii"', '"{id}.zip"', r"line 3: images '\{id\}\.zip' is an archive"),
        ('"scans/{id}.nii"', "{colum = 'x'}", r"images\.colum is no entry here; did you mean 'column'"),
        ('["no", "yes"]', '["no"]', r"line 6: classes takes two or more different classes"),
        ('["no", "yes"]', '["no", "no"]', r"line 6: classes takes two or more different classes"),
        ('["no", "yes"]', '"no"', r"line 6: classes takes names"),
        ('["no", "yes"]', '{no = ["0"], yes = ["0"]}', r"classes\.yes has the value '0', which no has too"),
        ('["no", "yes"]', '{no = ["0"], yes = []}', r"classes\.yes has no values"),
        ("label", 'positive = "yse"\nlabel', r"line 5: positive names no class: 'yse'; did you mean 'yes'"),
        ('["no", "yes"]', '["a", "b", "c"]\npositive = "a"', r"positive is for two classes; with 3"),
        ("label", 'leave_out = ["no"]\nlabel', r"leave_out has the value 'no', which the class no has too"),
        ("label", 'groups = ["image"]\nlabel', r"groups cannot hold a column called 'image'"),
        ("label", 'groups = ["fold"]\nlabel', r"groups cannot hold a column called 'fold'"),
        ("label", 'subgroups = ["Fold"]\nlabel', r"subgroups cannot hold a column called 'Fold'"),
        ("label", 'columns = ["mask"]\nlabel', r"columns cannot hold a column called 'mask'"),
        ("label", 'subgroups = ["mask"]\nlabel', r"line 5: subgroups cannot hold a column called 'mask'"),
        ("label", 'subgroups = ["outcome"]\nlabel', r"line 5: subgroups has 'outcome', which is label or identifier"),
        (
            "label",
            'columns = ["age", "outcome"]\nlabel',
            r"columns has 'outcome', which is the label and can be no input",
        ),
        ("label", 'columns = ["age", "age"]\nlabel', r"columns names a column twice"),
        ("label", 'metrics = ["acu"]\nlabel', r"metrics has 'acu', which is no metric; did you mean 'auc'"),
        (
            "label",
            'rows_without_image = "drop"\nlabel',
            r"takes 'refuse' or 'leave out' or .*, not 'drop'",
        ),
        ("label", "columns.age = 3\nlabel", r"columns\.age takes \{kind = \"number\"\}"),
        ("label", 'columns.age = {kind = "num"}\nlabel', r"columns\.age\.kind takes 'number' or 'category', not 'num'"),
        ("label", "columns.age = {low = true}\nlabel", r"columns\.age\.low takes a number, not True"),
        ("label", "columns.age = {low = 3, high = 2}\nlabel", r"columns\.age has low above high"),
        (
            "label",
            'columns.age = {kind = "category", unit = "y"}\nlabel',
            r"age\.unit is for a number, and this is a cat",
        ),
        (
            "label",
            'columns.age = {unit = "y", categories = ["a"]}\nlabel',
            r"categories is for a category, and this is a n",
        ),
        (
            "label",
            "columns.a = {attribute = 'AFPP'}\nlabel",
            r"names no attribute: 'AFPP'; did you mean 'AFP'",
        ),
        (
            "label",
            "columns.a = {attribute = 'AFP', unit = 'pg'}\nlabel",
            r"has the unit 'pg'; AFP is understood in ng/mL, ug/L, IU/mL",
        ),
        ("label", "columns.a = {attribute = 'AFP', low = 0}\nlabel", r"columns\.a\.low is known for an attribute"),
        ("label", "columns.age = {sign = true}\nlabel", r"columns\.age\.sign is no entry here; did you mean 'signed'"),
        ("label", "slices.plain = 'axial'\nlabel", r"slices\.plain does not fit: .* did you mean 'plane'"),
        ("label", "slices.plane = 'axle'\nlabel", r"slices\.plane does not fit: .*not 'axle'"),
        ("label", "slices.space = 'mm'\nlabel", r"slices\.space takes start and stop beside it"),
        ("label", "slices.start = 0.9\nlabel", r"slices does not fit: slices\.stop must be above"),
        ("label", "training.slices = 1\nlabel", r"training\.slices does not fit: .*no option 'slices'"),
        ("label", "training.epochs = 'x'\nlabel", r"training\.epochs does not fit: .*takes a whole number"),
        ("label", "training = 3\nlabel", r"training takes a section headed \[training\], not 3"),
        ("label", "tables = 3\nlabel", r"tables takes sections headed \[\[tables\]\], not 3"),
        ("label", "tables = [{file = 'x.csv'}]\nlabel", r"tables\[1\] takes key = "),
        ("label", "tables = [{key = 'id'}]\nlabel", r"tables\[1\]\.file is missing"),
        ("label", "label", r""),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = LEAST.replace(old, new, 1)
    if not message:
        write(tmp_path, text)
        return
    with pytest.raises(DataError, match=message):
        write(tmp_path, text)


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"5 things to put right") as caught:
        write(tmp_path, 'titel = "x"\nimages = "../{id}"\nclasses = ["a"]\nsubject = "s"\n')
    for part in ("titel", "table is missing", "label is missing", "leads out", "two or more"):
        assert part in str(caught.value)


def test_files_that_are_no_toml_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"my\.toml is no TOML: .*line 1, column 5"):
        write(tmp_path, "a = = 3")
    (tmp_path / "my.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(DataError, match=r"my\.toml is no TOML"):
        read_own(tmp_path / "my.toml")
    with pytest.raises(DataError, match=r"mi\.toml: there is no such file; did you mean 'my\.toml'"):
        read_own(tmp_path / "mi.toml")
    with pytest.raises(DataError, match="cannot be read"):
        read_own(tmp_path)
    with pytest.raises(DataError, match=r"my\.toml is no TOML: .*nested"):
        write(tmp_path, "a = " + "[" * 50_000)


def test_a_toml_deeper_than_anybody_writes_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text("x = " + "[" * 50_000)
    with pytest.raises(DataError, match=r"t\.toml is no TOML"):
        read_own(tmp_path / "t.toml")


def test_the_toml_of_the_documentation_is_one(tmp_path: Path) -> None:
    page = Path(__file__).parents[3] / "docs" / "how-to" / "bring-your-own-table.md"
    text = page.read_text("utf-8").split("```toml\n")[1].split("```")[0]
    own = write(tmp_path, text)
    assert list(own.classes) == ["benign", "malignant"]
    assert [column.name for column in own.columns] == ["age", "afp", "sex"]
    assert own.preset.slices.window == (400, 40)
