"""The site is written by a separate process at each request."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from orchestrator.cli.options import configured
from orchestrator.config import shown
from orchestrator.errors import ResultsError
from orchestrator.publish.publisher_process import PublisherProcess
from orchestrator.results import manifest
from orchestrator.results.store import Results
from tests.sample_results import sample

if TYPE_CHECKING:
    from pathlib import Path


def test_each_time_the_site_shows_what_there_is(tmp_path: Path) -> None:
    """Also what came since the last time."""
    config, store = tmp_path / "config.yaml", Results(tmp_path / "results", wheels=1, logs=1)
    config.write_text("")
    with PublisherProcess(config, store.folder) as publisher:
        for project in ("six", "idna"):
            store.write(sample(project))
            publisher.publish()
            assert (store.folder / "site" / "packages" / f"{project}.html").is_file()
            assert f">{project}<" in (store.folder / "site" / "index.html").read_text()


def test_a_page_that_was_removed_or_changed_is_written_again_by_the_same_process(tmp_path: Path) -> None:
    """Also one that follows from the program alone."""
    config, folder = tmp_path / "config.yaml", tmp_path / "results"
    config.write_text("")
    with PublisherProcess(config, folder) as publisher:
        publisher.publish()
        causes, clues = folder / "site" / "causes.html", folder / "site" / "clues.html"
        before = causes.read_text(), clues.read_text()
        causes.unlink()
        clues.write_text("changed")
        publisher.publish()
        assert (causes.read_text(), clues.read_text()) == before


def test_a_site_that_cannot_be_written_is_an_error_and_may_be_tried_again(tmp_path: Path) -> None:
    """The error names what prevented it."""
    config, folder = tmp_path / "config.yaml", tmp_path / "results"
    config.write_text("")
    folder.mkdir()
    (folder / "site").write_text("in the way")
    with PublisherProcess(config, folder) as publisher:
        with pytest.raises(ResultsError, match=r"writing the site: wheelproof: writing .*site.*run again"):
            publisher.publish()
        (folder / "site").unlink()
        publisher.publish()
    assert (folder / "site" / "index.html").is_file()


def test_a_process_that_was_killed_is_begun_again(tmp_path: Path) -> None:
    """Whoever killed it meant neither the run nor the site."""
    config, store = published(tmp_path)
    with PublisherProcess(config, store.folder) as publisher:
        for number, waiting in enumerate((True, False)):
            publisher.begin()
            if waiting:
                publisher.publish()
            (child,) = writers(store.folder)
            os.kill(child, signal.SIGKILL)
            store.write(sample(f"later{number}"))
            publisher.publish()
            assert publisher.is_published()


def writers(folder: Path) -> list[int]:
    """List the processes that write the site of the results in a folder."""
    found = []
    for one in os.listdir("/proc"):  # noqa: PTH208 - no path is needed
        with suppress(OSError):
            line = (folder / f"/proc/{one}/cmdline").read_bytes()
            found += [int(one)] if b"--when-told" in line and os.fsencode(folder) in line else []
    return found


def published(folder: Path) -> tuple[Path, Results]:
    """Publish two projects; return the configuration, which is older than the site, and the results."""
    config, store = folder / "config.yaml", Results(folder / "results", wheels=1, logs=1)
    config.write_text("")
    os.utime(config, (1_000, 1_000))
    for project in ("six", "idna"):
        store.write(sample(project))
    with PublisherProcess(config, store.folder) as publisher:
        assert not publisher.is_published()
        publisher.publish()
        assert publisher.is_published()
        store.write(sample("attrs"))
        assert not publisher.is_published(), "a killed run may leave a record of which the site knows nothing"
        publisher.publish()
        assert publisher.is_published()
    return config, store


def test_a_site_is_published_while_it_is_newer_than_the_configuration(tmp_path: Path) -> None:
    """Once that is changed, it is not."""
    config, store = published(tmp_path)
    with PublisherProcess(config, store.folder) as publisher:
        assert publisher.is_published()
        os.utime(config)
        page = store.folder / "site" / "index.html"
        os.utime(page, (500, 500))
        assert not publisher.is_published()


def test_a_site_of_other_code_or_of_an_older_configuration_is_not_published(tmp_path: Path) -> None:
    """After an upgrade, an unchanged night writes it again; so it does where a configuration with an old time came."""
    config, store = published(tmp_path)
    place = store.folder / manifest.NAME
    content = json.loads(place.read_bytes())
    with PublisherProcess(config, store.folder) as publisher:
        assert publisher.is_published()
        place.write_text(json.dumps(content | {"sources": "of other code"}))
        assert not publisher.is_published()
        place.write_text(json.dumps(content))
        former = manifest.sources(store.folder)
        records = store.folder / "records" / "six"
        times = records.stat()
        store.write(sample("six", days=1))
        os.utime(records, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert manifest.sources(store.folder) != former, "a restored time hides no record"
        publisher.publish()
        assert publisher.is_published()
        time.sleep(0.02)
        os.utime(config, (1_000, 1_000))
        assert not publisher.is_published()


def test_a_site_is_of_the_requirements_that_the_configuration_reads(tmp_path: Path) -> None:
    """A file of requirements changes, and the configuration does not."""
    config, store = tmp_path / "config.yaml", Results(tmp_path / "results", wheels=1, logs=1)
    (tmp_path / "wanted.txt").write_text("six\nidna\n")
    config.write_text("groups: {mine: {requirements: [wanted.txt]}}")
    store.write(sample("six"))
    with PublisherProcess(config, store.folder, shown(configured(config))) as publisher:
        publisher.publish()
        assert publisher.is_published()
    (tmp_path / "wanted.txt").write_text("six\n")
    with PublisherProcess(config, store.folder, shown(configured(config))) as publisher:
        assert not publisher.is_published()


@pytest.mark.parametrize("damage", ["gone", "empty", "zeros"])
def test_a_damaged_site_is_not_published_and_the_next_writing_repairs_it(tmp_path: Path, damage: str) -> None:
    """As a power failure leaves it: a page that was written long before is whole again."""
    config, store = published(tmp_path)
    paths = [store.folder / name for name in ("site/packages/six.html", "site_data.json", "site/method.html")]
    whole = {path: path.read_bytes() for path in paths}
    for path in paths:
        with PublisherProcess(config, store.folder) as publisher:
            former = path.stat()
            path.unlink()
            if damage != "gone":
                path.write_bytes(b"" if damage == "empty" else bytes(len(whole[path])))
            assert not publisher.is_published()
            if damage == "empty":
                os.utime(path, ns=(former.st_atime_ns, former.st_mtime_ns))
                assert not publisher.is_published(), "its time may be as it was"
    with PublisherProcess(config, store.folder) as publisher:
        publisher.publish()
        assert publisher.is_published()
    assert {path: path.read_bytes() for path in paths} == whole


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"sources": "x", "files": {}}', '{"files": {"a": 1}}', "\0"])
def test_a_list_of_files_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    """The site is written once more, then."""
    (tmp_path / manifest.NAME).write_text(content)
    assert not manifest.is_whole(tmp_path)


def test_it_may_begin_before_there_is_anything_to_write(tmp_path: Path) -> None:
    """It waits for a request, and ends without writing if there is none."""
    config, store = tmp_path / "config.yaml", Results(tmp_path / "results", wheels=1, logs=1)
    config.write_text("")
    with PublisherProcess(config, store.folder) as publisher:
        publisher.begin()
        store.write(sample("six"))
        publisher.publish()
        assert (store.folder / "site" / "packages" / "six.html").is_file()
    with PublisherProcess(config, tmp_path / "others") as publisher:
        publisher.begin()
    assert not (tmp_path / "others" / "site").exists()
