"""diffoscope's reports: which are needed, and that its process reads hostile wheels within limits."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from socket import create_server

import pytest

from orchestrator import config
from orchestrator.config import Config
from orchestrator.model import Verdict, digest
from orchestrator.publish import diffoscope
from orchestrator.publish.card import card
from orchestrator.publish.diffoscope import POLICY, Limits, Pair, Reports, due, pair, report_name, with_policy
from orchestrator.publish.made import Made
from orchestrator.publish.publish import publish
from orchestrator.publish.site import Sources, site
from orchestrator.results.store import Results
from orchestrator.results.summary import Summary, summarize
from tests.sample_results import sample
from tests.samples import NOON

A, B, C = "a" * 64, "b" * 64, "c" * 64
NAME = report_name(A, B)
HEAD = '<!DOCTYPE html>\n<html lang="en">\n<head>'
LIMITS = Limits(memory=512 << 20, processor=2, file=1 << 20, room=8 << 20, seconds=5, whole=60, report=100_000)
WRITES = (
    f"text = {HEAD!r} + open('first.whl').read() + os.getcwd() + '/' + sys.argv[0] + '</html>'; "
    "open('report.html', 'w').write(text); sys.exit(1)"
)


# --- which reports are needed ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("hashes", "expected"),
    [
        ((A, B), Pair(A, B)),
        ((A, B, C), Pair(A, B)),
        ((A, A, B), None),
        ((A,), None),
        ((), None),
        ((A, ""), None),
        (("../" + A, B), None),
        ((A.upper(), B), None),
        ((A, B + "\n"), None),
    ],
)
def test_a_pair_is_of_the_first_two_builds(hashes: tuple[str, ...], expected: Pair | None) -> None:
    """The control build is none of them; what is no SHA-256 names no file."""
    assert pair(hashes) == expected


@pytest.mark.parametrize(
    ("present", "tried", "kept", "expected"),
    [
        ((), (), (A, B, C), {Pair(A, B), Pair(A, C)}),
        ((NAME,), (), (A, B, C), {Pair(A, C)}),
        ((), (NAME,), (A, B, C), {Pair(A, C)}),
        ((), (), (A, B), {Pair(A, B)}),
        ((), (), (B, C), set()),
    ],
)
def test_a_report_is_due_once(
    present: tuple[str, ...], tried: tuple[str, ...], kept: tuple[str, ...], expected: set[Pair]
) -> None:
    """Where it is not there, was not tried, and both wheels are."""
    found = due([Pair(A, B), Pair(A, C), Pair(A, B)], present, tried, kept.__contains__, "1")
    assert len(found) == len(expected)
    assert set(found) == expected


def test_each_publishing_has_another_order() -> None:
    """So that wheels which take all the time do not keep the others waiting for ever."""
    every = [Pair(digest(str(number)), B) for number in range(9)]
    orders = {due(every, (), (), lambda _: True, str(turn)) for turn in range(9)}
    assert len(orders) > 1
    assert {frozenset(order) for order in orders} == {frozenset(every)}


@pytest.mark.parametrize(
    ("verdict", "expected"), [(Verdict.SENSITIVE, 1), (Verdict.INTRINSIC, 1), (Verdict.REPRODUCIBLE, 0)]
)
def test_current_verdicts_of_differing_wheels_have_a_pair(verdict: Verdict, expected: int) -> None:
    """Not those that an older version has."""
    old = sample("six", "1.0", Verdict.SENSITIVE)
    (project,) = summarize([old, sample("six", "2.0", verdict)], (), NOON).projects
    found = card(project).differing
    assert len(found) == expected
    newest = next(one for one in project.standings if one.version == "2.0")
    assert found[:1] == tuple(filter(None, [pair(one.wheel.sha256 for one in newest.latest.builds if one.wheel)]))[:1]


# --- the act ---------------------------------------------------------------------------------


def program(folder: Path, text: str) -> str:
    """Return the path of a program that takes diffoscope's place."""
    path = folder / "bin" / "diffoscope"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!{sys.executable} -S\nimport os, sys, time, socket\n{text}\n")
    path.chmod(0o755)
    return str(path)


def reports(folder: Path, text: str, limits: Limits = LIMITS) -> Reports:
    """Return what writes reports on two wheels, by a program of that text."""
    store = Results(folder / "results", wheels=1 << 30, logs=1)
    (store.folder / "wheels").mkdir(parents=True, exist_ok=True)
    for sha256 in (A, B):
        (store.folder / "wheels" / sha256).write_text(f"wheel {sha256[0]}")
    to = store.folder / "site" / diffoscope.FOLDER
    return Reports(to, store.wheels.find, store.bench, set(), program(folder, text), limits)


def test_a_report_has_a_policy_and_no_path_of_the_host(tmp_path: Path) -> None:
    """Nothing else is left, and it is not written again."""
    one = reports(tmp_path, WRITES + f"\nopen({str(tmp_path / 'ran')!r}, 'a')")
    assert one.write([Pair(A, B), Pair(A, C)]) == one.kept == {NAME}
    text = (one.folder / NAME).read_text()
    assert text.startswith(f'{HEAD}\n  <meta http-equiv="Content-Security-Policy" content="{POLICY}">wheel a')
    assert text.endswith("diffoscope</html>")
    assert str(tmp_path) not in text
    assert "script-src" not in POLICY
    assert POLICY.startswith("default-src 'none'")
    assert sorted(path.name for path in (tmp_path / "results").rglob("*") if path.is_file()) == sorted([A, NAME, B])
    again = replace(one, tried=set(), program=program(tmp_path, "sys.exit(2)"))
    assert again.write([Pair(A, B)]) == {NAME}
    assert not again.tried
    assert again.write([]) == frozenset()


def test_it_has_little_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its standard input is closed, and what it runs is not taken from the folder of the wheels."""
    monkeypatch.setenv("SECRET_TOKEN", "x")
    monkeypatch.setenv("PATH", f".::relative:{os.environ['PATH']}")
    check = (
        "names = {*os.environ} - {'LC_CTYPE'}\n"
        "assert names == {'HOME', 'TMPDIR', 'PATH', 'LC_ALL', 'TZ', 'PYTHONDONTWRITEBYTECODE'}, names\n"
        "assert os.environ['HOME'] == os.environ['TMPDIR'] == os.getcwd()\n"
        "assert all(one.startswith('/') for one in os.environ['PATH'].split(':'))\n"
        "assert sys.stdin.read() == ''\n"
    )
    assert reports(tmp_path, check + WRITES).write([Pair(A, B)]) == {NAME}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("time.sleep(60)", "took more than 1 seconds"),
        ("os.fork()\nwhile True: pass", "took more than 1 seconds"),
        ("bytearray(1 << 30)", "MemoryError"),
        ("open('report.html', 'wb').write(bytes(100 << 20))", "File too large"),
        ("for name in range(20): open(str(name), 'wb').write(bytes(1 << 20))\ntime.sleep(60)", "wrote more than"),
        (f"open('report.html', 'w').write({HEAD!r} + 'x' * 200_000 + '</html>'); sys.exit(1)", "longer one"),
        (f"open('report.html', 'w').write({HEAD!r} + '</html>'); sys.exit(2)", "status 2"),
        (f"open('report.html', 'w').write({HEAD!r} + '</html>')", "status 0"),
        (f"open('report.html', 'w').write({HEAD!r}); raise RecursionError", "no whole report"),
        ("os.abort()", "ended"),
        ("sys.exit(1)", "no whole report"),
        ("open('report.html', 'w').write('<script>1</script>' + '<head>'); sys.exit(1)", "no whole report"),
        ("os.symlink('/etc/passwd', 'report.html'); sys.exit(1)", "no whole report"),
        ("os.mkfifo('report.html'); sys.exit(1)", "no whole report"),
        ("os.mkdir('report.html'); sys.exit(1)", "no whole report"),
    ],
)
def test_a_run_that_fails_leaves_no_report(
    text: str, fault: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is a warning, and is not tried again by this process; no file is left."""
    one = reports(tmp_path, text, replace(LIMITS, seconds=1 if "1 seconds" in fault else 5))
    begun = time.monotonic()
    assert one.write([Pair(A, B)]) == frozenset()
    assert time.monotonic() - begun < 10
    assert fault in capfd.readouterr().err
    assert one.tried == {NAME}
    assert sorted(path.name for path in (tmp_path / "results").rglob("*") if path.is_file()) == [A, B]
    assert one.write([Pair(A, B)]) == frozenset()
    assert not capfd.readouterr().err


def test_a_program_that_cannot_be_run_is_a_warning(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """As one that is removed meanwhile."""
    one = replace(reports(tmp_path, ""), program=str(tmp_path / "gone"))
    assert one.write([Pair(A, B)]) == frozenset()
    assert "no report" in capfd.readouterr().err


def test_no_process_outlives_it(tmp_path: Path) -> None:
    """Not in its group; nor in another session, where the host gives namespaces."""
    mark = f"600.1{os.getpid()}"
    sessions = ("", "os.setsid()") if "--pid" in diffoscope.apart() else ("",)
    for session in sessions:
        left = f"if os.fork() == 0:\n {session or 'pass'}\n os.execvp('sleep', ['sleep', '{mark}'])\n"
        text = f"begun, begins = os.pipe()\n{left}os.close(begins)\nos.read(begun, 1)\n"  # until sleep runs
        assert reports(tmp_path, text + WRITES).write([Pair(A, B)]) == {NAME}
        assert ends(mark)
        (tmp_path / "results" / "site" / diffoscope.FOLDER / NAME).unlink()


def ends(mark: str) -> bool:
    """Return whether no process of that mark runs any more, within half a minute."""
    end = time.monotonic() + 30
    while (runs := sleeping(mark)) and time.monotonic() < end:
        time.sleep(0.05)
    return not runs


def sleeping(mark: str) -> bool:
    """Return whether a process of that mark runs."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_bytes() == f"sleep\0{mark}\0".encode())
    return any(found)


def test_it_ends_with_the_process_that_publishes(tmp_path: Path) -> None:
    """Even if that is killed."""
    mark = f"600.2{os.getpid()}"
    one = reports(tmp_path, f"os.execvp('sleep', ['sleep', '{mark}'])")
    assert one.program
    code = (
        "from pathlib import Path; from orchestrator.publish.diffoscope import Limits, report\n"
        f"report({one.program!r}, *2 * (Path({__file__!r}),), Path({str(tmp_path)!r}), Limits(seconds=120))"
    )
    publisher = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    try:
        end = time.monotonic() + 60
        while not sleeping(mark) and time.monotonic() < end:
            time.sleep(0.05)
        assert sleeping(mark)
    finally:
        publisher.send_signal(signal.SIGKILL)
        publisher.wait()
    assert ends(mark)


def test_it_has_no_network(tmp_path: Path) -> None:
    """Not even this host's own."""
    if not diffoscope.apart():
        pytest.skip("this host allows no network namespace")
    with create_server(("127.0.0.1", 0)) as server:
        connect = f"socket.create_connection({server.getsockname()!r}, 2)\n"
        assert reports(tmp_path, connect + WRITES).write([Pair(A, B)]) == frozenset()


def test_the_time_for_all_is_limited(tmp_path: Path) -> None:
    """What is not begun is not tried, and comes next time."""
    one = reports(tmp_path, "time.sleep(60)", replace(LIMITS, seconds=0.5, whole=1.2))
    every = [Pair(A, B), Pair(B, A)]
    one.write(every)
    assert len(one.tried) in {1, 2}
    none = replace(one, tried=set(), limits=replace(LIMITS, seconds=2, whole=1))
    none.write(every)
    assert not none.tried


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<p></html>",
        HEAD,
        f"<script>1</script>{HEAD}</html>",
        '<!DOCTYPE html><html onload="x"><head></html>',
        f'{HEAD}<meta http-equiv="refresh" content="0; url=https://example.org"></html>',
        f"{HEAD}<META content='0; url=//example.org' http-equiv=Refresh></html>",
    ],
)
def test_other_html_is_no_report(text: str) -> None:
    """Nothing goes before the policy, and nothing leads elsewhere by itself."""
    assert not with_policy(text)
    assert with_policy(f"{HEAD}</html>\n")


# --- the site --------------------------------------------------------------------------------


def page(summary: Summary, made: Made, there: frozenset[str]) -> str | None:
    """Return the page of six, if it is written."""
    written = dict(site(summary, lambda _: None, "0.1.0", sources=Sources(reports=lambda _: there), made=made))
    return written.get("packages/six.html")


def test_a_page_links_the_report_where_there_is_one() -> None:
    """It is written again when a report appears or goes; otherwise it has the commands."""
    result = sample("six", "1.0", Verdict.SENSITIVE)
    hashes = [one.wheel.sha256 for one in result.builds if one.wheel]
    name, made = report_name(*hashes[:2]), Made()
    summary = summarize([result], (), NOON)
    link = f'<a href="../diffoscope/{name}"'
    without = page(summary, made, frozenset())
    assert without
    assert link not in without
    assert "wheelproof wheels" in without
    assert page(summary, made, frozenset()) is None
    linked = page(summary, made, frozenset({name}))
    assert linked
    assert link in linked
    assert "wheelproof wheels" not in linked
    assert page(summary, made, frozenset({name, "0-1.html"})) is None, "a report of another project"
    assert page(summary, made, frozenset()) == without


def test_publishing_writes_reports_and_removes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the program on PATH, once; they go when nothing needs them, or when the key switches them off."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    program(tmp_path, f"open({str(tmp_path / 'runs')!r}, 'a').write('.'); {WRITES}")
    result = sample("six", "1.0", Verdict.SENSITIVE)
    store = Results(tmp_path / "results", wheels=1 << 30, logs=1)
    store.write(result)
    (store.folder / "wheels").mkdir()
    for one in result.builds[:2]:
        assert one.wheel
        (store.folder / "wheels" / one.wheel.sha256).write_text("wheel")
    settings, made = Config(folder=tmp_path), Made()

    def linked() -> list[str]:
        text = (store.folder / "site" / "packages" / "six.html").read_text()
        found = re.findall(r'href="\.\./diffoscope/([^"]*)"', text)
        assert sorted(found) == sorted(path.name for path in (store.folder / "site").glob("diffoscope/*"))
        return found

    publish(settings, store, made)
    publish(settings, store, made)
    assert len(linked()) == 1
    assert (tmp_path / "runs").read_text() == "."
    publish(replace(settings, diffoscope=False), store, made)
    assert not linked()
    publish(settings, store, made)
    assert len(linked()) == 1, "the key is on again"
    store.write(sample("six", "2.0", Verdict.REPRODUCIBLE))
    publish(settings, store, made)
    assert not linked()


def test_the_site_is_of_the_key() -> None:
    """A run after it was changed writes the site again."""
    assert config.shown(Config()) != config.shown(Config(diffoscope=False))
