"""The site is written by a process of its own, as often as it is told."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from orchestrator.apart import Publisher
from orchestrator.errors import ResultsError
from orchestrator.results import Results
from tests.sample_results import sample

if TYPE_CHECKING:
    from pathlib import Path


def test_each_time_the_site_shows_what_there_is(tmp_path: Path) -> None:
    """Also what came since the last time."""
    config, store = tmp_path / "config.yaml", Results(tmp_path / "results", wheels=1, logs=1)
    config.write_text("")
    with Publisher(config, store.folder) as publisher:
        for project in ("six", "idna"):
            store.write(sample(project))
            publisher.publish()
            assert (store.folder / "site" / "packages" / f"{project}.html").is_file()
            assert f">{project}<" in (store.folder / "site" / "index.html").read_text()


def test_a_site_that_cannot_be_written_is_an_error_and_may_be_tried_again(tmp_path: Path) -> None:
    """It says what was in the way."""
    config, folder = tmp_path / "config.yaml", tmp_path / "results"
    config.write_text("")
    folder.mkdir()
    (folder / "site").write_text("in the way")
    with Publisher(config, folder) as publisher:
        with pytest.raises(ResultsError, match=r"writing the site: wheelproof: writing .*site.*run again"):
            publisher.publish()
        (folder / "site").unlink()
        publisher.publish()
    assert (folder / "site" / "index.html").is_file()


def test_a_site_is_published_while_it_is_newer_than_the_configuration(tmp_path: Path) -> None:
    """Without a page it is not; nor once the configuration was changed."""
    config, page = tmp_path / "config.yaml", tmp_path / "results" / "site" / "index.html"
    config.write_text("")
    os.utime(config, (1_000, 1_000))
    with Publisher(config, tmp_path / "results") as publisher:
        assert not publisher.is_published()
        page.parent.mkdir(parents=True)
        page.write_text("")
        assert publisher.is_published()
        os.utime(page, (500, 500))
        assert not publisher.is_published()


def test_it_may_begin_before_there_is_anything_to_write(tmp_path: Path) -> None:
    """It waits, and writes nothing on its own; having been told nothing, it ends."""
    config, store = tmp_path / "config.yaml", Results(tmp_path / "results", wheels=1, logs=1)
    config.write_text("")
    with Publisher(config, store.folder) as publisher:
        publisher.begin()
        store.write(sample("six"))
        publisher.publish()
        assert (store.folder / "site" / "packages" / "six.html").is_file()
    with Publisher(config, tmp_path / "others") as publisher:
        publisher.begin()
    assert not (tmp_path / "others" / "site").exists()
