"""How long work shows itself, in a terminal and in a log."""

from __future__ import annotations

import io
import re
import time

import pytest

from fusekit.progress import Bars, Countdown, Quiet, Within
from fusekit.terminal import Terminal


def bars(terminal: bool) -> tuple[Bars, io.StringIO]:
    made, text = Bars(), io.StringIO()
    made.console = Terminal(file=text, force_terminal=terminal, width=120)
    return made, text


def test_items_pass_through_unchanged_and_one_by_one() -> None:
    for progress in (Quiet(), bars(True)[0], bars(False)[0]):
        passed = progress.track(iter("abc"), "label", 3)
        assert next(passed) == "a"
        assert list(passed) == ["b", "c"]


def test_a_terminal_shows_count_unit_rate_and_time_left() -> None:
    progress, text = bars(terminal=True)
    for _ in progress.track(range(30), "Cutting slices", 30, "scans"):
        pass
    shown = text.getvalue()
    assert "Cutting slices" in shown
    assert "30/30 scans" in shown
    assert "/s" in shown
    assert "left" in shown


def test_a_log_gets_one_line_when_done() -> None:
    progress, text = bars(terminal=False)
    for _ in progress.track(range(3), "Cutting slices", 3, "scans"):
        assert text.getvalue() == ""
    assert text.getvalue().startswith("Cutting slices: 3 scans, ")
    assert text.getvalue().count("\n") == 1
    assert "\x1b" not in text.getvalue()


def test_sentences_of_a_log_are_not_broken_and_their_style_is_not_shown() -> None:
    progress, text = bars(terminal=False)
    progress.say("warning: " + "word " * 60)
    assert text.getvalue().count("\n") == 1
    assert text.getvalue().startswith("warning: word")


def test_a_label_may_change_and_items_may_count_for_more() -> None:
    progress, text = bars(terminal=True)
    progress.console.width = 80
    epochs: list[int] = []
    label = "[12/20] table-first, seed 0, fold 1/5, epoch {}/24, loss 0.521".format
    for epoch in progress.track(range(3), lambda: label(len(epochs)), 96, "images", lambda _: 32):
        epochs.append(epoch)
        time.sleep(0.01)
    *_, last = (line for line in re.split(r"[\r\n]", text.getvalue()) if "epoch 3/24, loss 0.521" in line)
    assert re.search(r"\d/s", last)
    assert "epoch 1/24" not in last


def test_a_log_gets_the_lines_that_a_bar_makes_needless_with_their_part() -> None:
    for terminal, expected in ((True, ""), (False, "fold 2/5, epoch 3/24, loss 0.5\n")):
        progress, text = bars(terminal)
        Within(progress, "fold 2/5").log("epoch 3/24, loss 0.5")
        assert text.getvalue() == expected
    assert list(Within(progress, "fold 2/5").track("ab", lambda: "epoch 3", 2, "images")) == ["a", "b"]
    assert "fold 2/5, epoch 3: 2 images" in text.getvalue()


def test_the_time_left_is_that_of_the_finished_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 120.0, 180.0, 181.0, 182.0])
    monkeypatch.setattr("fusekit.progress.time.perf_counter", lambda: next(clock))
    countdown = Countdown(4)
    assert countdown.ended() == "; 3 trainings left, about 6 min"
    assert countdown.ended() == "; 2 trainings left, about 3 min"
    assert countdown.ended() == "; 1 training left, about 1 min"
    assert countdown.ended() == ""


def test_quiet_says_nothing() -> None:
    Quiet().say("anything")
