"""What is shown of a run: plain lines in a file, a display on a terminal, and nothing hostile on either."""

from __future__ import annotations

import io
import threading
from datetime import timedelta

import pytest
from rich.console import Console

from orchestrator.farm.progress import Display, Progress, State, shown, table
from orchestrator.util import logs
from orchestrator.util.logs import printable

HOSTILE = "\x1b[31mred\x07 \u202egnp.exe \x9b2J\r\0"


def test_plain_lines_tell_position_outcome_and_reason() -> None:
    """One for each job, however long."""
    out = io.StringIO()
    progress = Progress(2, out)
    progress.doing("six", "first")
    progress.finished("six", "six 1.16.0", "sensitive", "")
    progress.finished("idna", "idna 3.7", "ftbfs", "time-out\n" * 9)
    assert out.getvalue().splitlines() == [
        "[1/2] six 1.16.0: sensitive",
        f"[2/2] idna 3.7: ftbfs ({'time-out ' * 9})",
    ]


def test_nothing_hostile_is_in_plain_lines() -> None:
    """They may be read on a terminal, some day."""
    out = io.StringIO()
    Progress(1, out).finished("six", "six 1.0", "open", f"[red]{HOSTILE}")
    assert "[red]\\x1b[31mred\\x07 \\x202egnp.exe \\x9b2J" in out.getvalue()
    assert not {one for one in out.getvalue() if not one.isprintable()} - {"\n"}


def test_nothing_hostile_reaches_the_terminal() -> None:
    """Nor is markup taken for what it is not."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=200, color_system=None)
    progress = Display(2, console)
    progress.finished("six", "six 1.0", "open", f"[red]{HOSTILE}")
    progress.doing("six", f"[bold]{HOSTILE}")
    console.print(progress)
    shown = out.getvalue()
    assert "[red]\\x1b[31mred\\x07 \\x202egnp.exe \\x9b2J" in shown
    assert "[bold]\\x1b[31mred" in shown
    assert not {one for one in shown if not one.isprintable()} - {"\n"}


def test_the_display_tells_who_does_what_and_how_far_it_is() -> None:
    """A job that is done is no longer among them."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, color_system=None)
    progress = Display(3, console)
    progress.doing("six", "second")
    progress.doing("idna", "settling its inputs")
    progress.finished("idna", "idna 3.7", "reproducible", "")
    console.print(progress)
    shown = out.getvalue()
    assert "six" in shown
    assert "second" in shown
    assert "idna" not in shown
    assert "1/3" in shown
    assert "1 reproducible" in shown


@pytest.mark.parametrize(
    ("done", "now", "left"), [(0, 50, None), (4, 20, timedelta(seconds=30)), (10, 99, None), (9, 9, timedelta(1e-9))]
)
def test_the_time_left_follows_the_pace(done: int, now: float, left: timedelta | None) -> None:
    """Nothing is known at the beginning, and nothing is left at the end."""
    found = State(10, begun=0, done=done).left(now)
    assert found == left if left is None or left > timedelta(seconds=1) else found == timedelta(seconds=1)


def test_a_table_is_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    """Where it goes into a file, each row is one line; control characters are named."""
    table("", ("name", "hash"), [("six", "a" * 300), (HOSTILE, "b"), ("x\nsix", "c")])
    lines = capsys.readouterr().out.splitlines()
    assert [len(line.split()) for line in lines] == [2, 2, 4, 3]
    assert "a" * 300 in lines[1]
    assert "\x1b" not in lines[2]


def test_printable_keeps_text_and_names_the_rest() -> None:
    """Letters of all scripts are text."""
    assert printable("naïve 名前\n") == "naïve 名前\n"
    assert printable(HOSTILE).isprintable()


def test_workers_and_the_live_display_never_wait_for_each_other() -> None:
    """Output of a worker redraws the display, while a separate thread draws it, too."""

    def work(name: str) -> None:
        for number in range(200):
            progress.doing(name, "first")
            progress.finished(name, f"{name} {number}", "sensitive", "mode of 1 file")

    with shown(800, terminal=True) as progress:
        workers = [threading.Thread(target=work, args=(f"p{number}",), daemon=True) for number in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        assert not any(worker.is_alive() for worker in workers)


def test_a_quiet_run_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither its progress nor what is being done; warnings are still logged."""
    logs.be_quiet(quiet=True)
    try:
        with shown(1, terminal=True) as display:
            display.finished("six", "six 1.0", "open", "why")
        logs.info("making an image")
        logs.warning("a record cannot be read")
    finally:
        logs.be_quiet(quiet=False)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "a record cannot be read" in lines[0]
