"""How long work shows itself, in a terminal and in a log."""

from __future__ import annotations

import io

from fusekit.progress import Bars, Quiet
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


def test_quiet_says_nothing() -> None:
    Quiet().say("anything")
