"""What long work says of itself, on a terminal and without one."""

import io
import threading
import time

import pytest
from rich.console import Console

from bootstrap.report import progress as module
from bootstrap.report.progress import Progress, duration


def shown(terminal: bool = False) -> tuple[io.StringIO, Console]:
    text = io.StringIO()
    return text, Console(file=text, force_terminal=terminal, width=160, highlight=False, soft_wrap=True)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (-1, "0 s")]
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_without_a_terminal_each_step_is_a_line_with_what_remains() -> None:
    text, console = shown()
    with Progress("Building", expected=120, console=console) as progress:
        progress.skip("one", "built before", expected=60)
        with progress.step("two", expected=60):
            pass
    lines = text.getvalue().splitlines()
    assert lines == [
        "Building",
        "  one: built before",
        "  two ... (about 1 min 00 s remain)",
        "  two: done in 0 s",
    ]


def test_the_same_wait_is_told_once() -> None:
    text, console = shown()
    with Progress("Waiting", console=console) as progress, progress.step("pods") as step:
        for what in ("a", "a", "b", "a"):
            step.waiting_for(what)
    assert [line for line in text.getvalue().splitlines() if line.startswith("  pods: ")][:-1] == [
        "  pods: a",
        "  pods: b",
        "  pods: a",
    ]


def test_a_step_that_fails_says_so_and_raises() -> None:
    text, console = shown()
    progress = Progress("Building", console=console)
    with pytest.raises(ValueError, match="reason"), progress, progress.step("one"):
        raise ValueError("reason")
    assert "  one: failed in 0 s" in text.getvalue()


def test_a_terminal_shows_what_remains_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TICK_SECONDS", 0.01)
    text, console = shown(terminal=True)
    with Progress("Building", expected=90, console=console) as progress, progress.step("one", expected=90):
        deadline = time.monotonic() + 20
        while "about 1 min" not in text.getvalue():
            assert time.monotonic() < deadline, text.getvalue()
            time.sleep(0.02)


def test_steps_that_end_while_the_display_moves_break_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TICK_SECONDS", 0.0001)
    broken: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", broken.append)
    _, console = shown(terminal=True)
    with Progress("Building", expected=9, console=console) as progress:
        for number in range(200):
            with progress.step(f"step {number}", expected=1) as step:
                step.waiting_for("something")
    assert not broken
    assert threading.active_count() < 20
