"""What a search looks through, as people write it."""

from __future__ import annotations

import json
import sys
from itertools import product
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from fusekit.errors import OptionError
from fusekit.experiment.setup.candidates import chosen as chosen_of
from fusekit.experiment.setup.given import parse_search, read_config
from fusekit.experiment.setup.plan import make_plan
from fusekit.experiment.setup.settings import Settings
from fusekit.experiment.setup.space import Range, combinations, in_words

SMALL: dict[str, Any] = {
    "task": "adni-ad",
    "preset": "paper",
    "fusion": "concat",
    "backbone": "test_resnet",
    "image_size": 32,
}


def searched(**search: Any) -> Settings:
    return Settings.of({**SMALL, "search": search})


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("lr", "1e-5..1e-3:log", Range(1e-5, 1e-3, True)),
        ("lr", ["1e-5..1e-3"], Range(1e-5, 1e-3)),
        ("epochs", "10..40", Range(10, 40)),
        ("epochs", ("2..64:log",), Range(2, 64, True)),
        ("training__clip", "0..0.5", Range(0.0, 0.5)),
        ("training__accumulate", "1..4", Range(1, 4)),
        ("lr", ["1e-4", 3e-4, "0.0001"], (1e-4, 3e-4)),
        ("training__schedule", ["constant", "cosine"], ("constant", "cosine")),
        ("sites__stages", ["3,4", [4]], ((3, 4), (4,))),
    ],
)
def test_a_list_or_a_range_has_the_type_of_its_option(name: str, given: Any, expected: Any) -> None:
    fusion = {"fusion": "rbca"} if name.startswith("sites") else {}
    config = Settings.of({**SMALL, **fusion, "search": {name.replace("__", "."): given}})
    (found,) = config.search.values()
    assert found == expected
    if isinstance(found, Range):
        assert (type(found.low), config.trials) == (type(expected.low), 20)
    else:
        assert config.trials is None
    assert Settings.of(json.loads(json.dumps(config.as_json()))) == config


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("lr", "0..1e-3", r"--search lr=0\.\.1e-3: --lr takes a number above 0, not 0\."),
        ("lr", "1e-3..inf", "takes a number above 0, not inf"),
        ("lr", "1e-3..1e-5", "a range goes from a number to a larger one"),
        ("lr", "1..1", "a range goes from a number to a larger one"),
        ("lr", "1e-5..", r"lr takes a number, not ''\. A range is low\.\.high or low\.\.high:log"),
        ("lr", "1e-5..1e-3:lin", "lr takes a number, not '1e-3:lin'"),
        ("lr", ["1e-4", "1e-5..1e-3"], r"mixes both; it takes a list \(lr=1e-4,3e-4\) or one range"),
        ("lr", [], "names no candidate for lr; it takes a list"),
        ("epochs", "1.5..4", "epochs takes a whole number or none, not '1.5'"),
        ("epochs", "0..4", "--epochs takes 1 or more, not 0"),
        ("training.warmup", "0..1:log", "a range with :log begins above 0"),
        ("training.compile", "0..1", "training.compile takes true or false, not '0'"),
        ("training.schedule", "1..2", "takes one of constant, cosine, one-cycle, not '1'"),
        ("seed", "1..5", "--search takes lr, epochs, batch_size and options"),
    ],
)
def test_what_is_no_range_is_refused_with_what_is_accepted(name: str, given: Any, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        Settings.of({**SMALL, "search": {name: given}})


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ({"training.ema": "0..1"}, r"training\.ema takes a decay .* below 1"),
        ({"augment.flip": "0..1.5"}, r"augment\.flip"),
        ({"training.warmup": "0..3", "epochs": "2..9"}, r"training\.warmup=3 leaves none of 2 epochs"),
    ],
)
def test_both_ends_of_every_range_must_fit_before_anything_is_read(search: dict[str, str], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        make_plan(Settings.of({**SMALL, "search": search}))


def test_trials_are_those_of_a_range() -> None:
    assert Settings.of({**SMALL, "search": {"lr": "1e-5..1e-3"}, "trials": "7"}).trials == 7
    for search in ({"lr": [1e-3]}, {}):
        with pytest.raises(OptionError, match="--trials is for a --search with a range; of lists every combination"):
            Settings.of({**SMALL, "search": search, "trials": 7})
    with pytest.raises(OptionError, match="--trials takes 1 or more, not 0"):
        Settings.of({**SMALL, "search": {"lr": "1e-5..1e-3"}, "trials": 0})


def test_a_file_may_hold_both(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('task = "adni-ad"\ntrials = 9\n[search]\nlr = "1e-5..1e-3:log"\n"training.ema" = [0, 0.99]\n')
    config = Settings.of(read_config(file))
    assert config.search == {"lr": Range(1e-5, 1e-3, True), "training.ema": (0.0, 0.99)}
    assert config.trials == 9


def test_a_command_line_may_hold_both() -> None:
    search = parse_search(["lr=1e-5..1e-3:log", "training.ema=0,0.99"])
    assert search == {"lr": ("1e-5..1e-3:log",), "training.ema": ("0", "0.99")}
    config = Settings.of({**SMALL, "search": search})
    assert config.search == {"lr": Range(1e-5, 1e-3, True), "training.ema": (0.0, 0.99)}
    chosen = chosen_of(config, {"lr": 2e-4, "training.ema": 0.99})
    assert (chosen.lr, chosen.options["training"], chosen.search, chosen.trials) == (2e-4, {"ema": 0.99}, {}, None)


def test_lists_are_combined_in_their_order() -> None:
    space = {"lr": (3.0, 1.0, 2.0), "epochs": (5, 4), "training.schedule": ("cosine", "constant")}
    assert [tuple(choice.values()) for choice in combinations(space)] == list(product(*space.values()))
    assert [list(choice) for choice in combinations(space)] == [list(space)] * 12
    assert combinations({"lr": (1.0,), "epochs": Range(2, 9)}) == [{"lr": 1.0, "epochs": 2}, {"lr": 1.0, "epochs": 9}]


@hypothesis.given(st.floats(1e-300, 1e300), st.floats(1e-300, 1e300), st.booleans())
def test_a_range_is_read_as_it_is_written(one: float, other: float, log: bool) -> None:
    hypothesis.assume(one < other)
    written = str(Range(one, other, log))
    assert searched(lr=written).search == {"lr": Range(one, other, log)}


def test_a_choice_reads_as_the_command_line_has_it() -> None:
    assert in_words({"lr": 1e-4, "sites.stages": (3, 4)}) == "lr=0.0001, sites.stages=3,4"


def test_without_optuna_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(OptionError, match=r"--search needs Optuna: pip install 'fusekit\[search\]'"):
        make_plan(searched(lr=[1e-3]))
