"""The cache is kept within its bound, and what jobs have noted stays."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.config.values import Config, Keep
from orchestrator.farm import clean, uses
from orchestrator.farm.uses import Uses
from orchestrator.model import Lock, Pin, Target
from orchestrator.results.store import Results
from orchestrator.util import cache as caches

TARGET = Target("3.11", "x86_64-manylinux_2_36")
KIB = 1024


def fill(cache: Path, *names: str) -> None:
    """Put a folder with a file of 64 KiB into each place."""
    for name in names:
        (cache / name).mkdir(parents=True)
        (cache / name / "file").write_bytes(os.urandom(64 * KIB))


def settings(folder: Path, bound: int) -> Config:
    """Return a configuration with that bound of the cache."""
    return Config(folder=folder, cache=folder / "cache", results=folder / "results", keep=Keep(cache=bound))


def there(cache: Path) -> set[str]:
    """List what is in the cache."""
    return {f"{path.parent.name}/{path.name}" for kind in ("sdists", "buildenvs") for path in (cache / kind).glob("*")}


def test_a_run_keeps_the_bound_and_what_is_needed(tmp_path: Path) -> None:
    """What no job needs goes; the cache stays over its bound for what is needed, by a known number of bytes."""
    cache = tmp_path / "cache"
    fill(cache, "sdists/needed", "sdists/spare", "buildenvs/needed", "buildenvs/spare")
    uses.write(cache, "job", {"sdists/needed", "buildenvs/needed"}, tracked=True, built=True)
    assert clean.clean_cache(settings(tmp_path, 1 << 20), None, time.time()) == clean.Cleaned()
    dry = clean.clean_cache(settings(tmp_path, KIB), None, time.time(), dry=True)
    assert len(there(cache)) == 4
    cleaned = clean.clean_cache(settings(tmp_path, KIB), None, time.time())
    assert cleaned == dry
    assert {item.name for item in cleaned.items} == {"sdists/spare", "buildenvs/spare"}
    assert cleaned.over >= 127 * KIB
    assert there(cache) == {"sdists/needed", "buildenvs/needed"}
    assert not list(cache.glob(".unfinished-*"))


def test_nothing_goes_while_another_command_uses_the_cache(tmp_path: Path) -> None:
    """Two farms may share a cache: the one that ends last prunes it."""
    cache = tmp_path / "cache"
    fill(cache, "sdists/spare")
    script = (
        "import sys; from pathlib import Path; from orchestrator.util.cache import occupy\n"
        f"occupy(Path({str(cache)!r})); print(flush=True); sys.stdin.read()"
    )
    root = Path(__file__).parents[3]
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script], cwd=root, stdin=pipe, stdout=pipe) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert clean.clean_cache(settings(tmp_path, 1), None, time.time()).busy
        assert there(cache) == {"sdists/spare"}
        other.kill()
    assert not clean.clean_cache(settings(tmp_path, 1), None, time.time()).busy
    assert not there(cache)


def test_files_that_uv_and_an_environment_share_count_once(tmp_path: Path) -> None:
    """With the wheel of uv's cache."""
    archive, wheels = tmp_path / "uv/cache/archive-v0/x", tmp_path / "uv/cache/wheels-v8/pypi/six"
    fill(tmp_path, "buildenvs/1")
    for folder in (archive, wheels):
        folder.mkdir(parents=True)
    (archive / "file").hardlink_to(tmp_path / "buildenvs/1/file")
    (wheels / "1.0-py3-none-any").symlink_to(archive)
    (wheels / "1.0-py3-none-any.http").touch()
    sizes = {item.name: item.size for item in clean.survey(tmp_path).items()}
    assert set(sizes) == {"buildenvs/1", "uv/six/1.0"}
    assert sizes["buildenvs/1"] == 0
    assert 64 * KIB <= sizes["uv/six/1.0"] < 80 * KIB


def test_a_job_needs_what_it_used_since_it_was_built(tmp_path: Path) -> None:
    """What it used before it was built the last time is not needed by it; an unchanged run adds what it asks for."""
    for items, built, expected in (
        ({"sdists/1"}, True, {"sdists/1"}),
        ({"sdists/1", "buildenvs/1"}, False, {"sdists/1", "buildenvs/1"}),
        ({"sdists/2"}, True, {"sdists/2"}),
        (set(), False, {"sdists/2"}),
    ):
        uses.write(tmp_path, "job", items, tracked=True, built=built)
        (use,) = uses.read(tmp_path).values()
        assert use.items == expected


def test_an_unchanged_job_notes_the_environment_of_its_lock(tmp_path: Path) -> None:
    """Although it does not use it, so that the next run that builds finds it."""
    used = Uses(tmp_path, lambda lock, _target: tmp_path / "buildenvs" / lock.digest)
    lock = Lock((Pin("six", "1.0", "1" * 64, "six-1.0-py3-none-any.whl", "https://example.org/six"),))
    used.noting_lock(lambda _requirements, _target: lock)((), TARGET)
    used.noting(lambda: tmp_path / "sdists" / "1" / "a.tar.gz")()
    used.noting(lambda: Path("/elsewhere"))()
    assert used.items == {f"buildenvs/{lock.digest}", "uv/six/1.0", "sdists/1"}


def test_a_cache_may_be_a_link(tmp_path: Path) -> None:
    """What is used counts, by whichever of its paths."""
    (tmp_path / "real" / "sdists").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    for given, named in (("link", "real"), ("real", "link"), ("link", "link")):
        used = Uses(tmp_path / given)
        used.note(tmp_path / named / "sdists" / "1" / "a.tar.gz")
        assert used.items == {"sdists/1"}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"items": 1}', "[" * 100_000, '{"items": ["a"]}'])
def test_a_note_that_cannot_be_read_protects_nothing(tmp_path: Path, text: str) -> None:
    """A killed machine may leave anything."""
    caches.write(tmp_path / "uses" / "job.json", text)
    assert not uses.read(tmp_path)
    uses.write(tmp_path, "job", {"sdists/1"}, tracked=True, built=False)
    assert len(uses.read(tmp_path)) == 1


def test_log_pages_that_no_page_links_to_go(tmp_path: Path) -> None:
    """All others stay."""
    store = Results(tmp_path, wheels=1, logs=1)
    linked, left = f"{'1' * 64}.html", f"{'2' * 64}.html"
    for name, text in ((f"logs/{linked}", ""), (f"logs/{left}", ""), ("packages/six.html", f'"../logs/{linked}"')):
        caches.write(tmp_path / "site" / name, text)
    assert [item.name for item in clean.clean_pages(store).items] == [f"log-pages/{left}"]
    assert set(store.pages()) == {f"site/logs/{linked}", "site/packages/six.html"}
    store.remove_pages(["site/packages/six.html"])
    assert set(store.pages()) == {"site/packages/six.html"}


def test_wheels_that_a_record_names_stay(tmp_path: Path) -> None:
    """Also where it is the record of a format that we do not know."""
    store = Results(tmp_path, wheels=1 << 20, logs=1 << 20)
    for name in ("1" * 64, "2" * 64):
        caches.write(tmp_path / "wheels" / name, "")
    caches.write(tmp_path / "statements" / "six.json", f'{{"digest": "{"1" * 64}"}}')
    assert not clean.clean_results(store, 60).items
    assert [item.name for item in clean.clean_results(store, -60).items] == [f"unreferenced/{'2' * 64}"]


def test_old_trials_of_2020_go(tmp_path: Path) -> None:
    """Their logs may be as large as those of builds, and nothing reads them."""
    store = Results(tmp_path, wheels=1, logs=1)
    assert not clean.clean_trials(store, 60, 1000.0).items
    for name, time_ in (("old.log", 100), ("new.log", 990)):
        caches.write(tmp_path / "method-2020/six" / name, "x")
        os.utime(tmp_path / "method-2020/six" / name, (time_, time_))
    assert [item.name for item in clean.clean_trials(store, 60, 1000.0, dry=True).items] == ["method-2020/old.log"]
    clean.clean_trials(store, 60, 1000.0)
    assert [path.name for path in (tmp_path / "method-2020/six").iterdir()] == ["new.log"]
