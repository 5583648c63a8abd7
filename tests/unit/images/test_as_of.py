"""The recipe of an image as of a day."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from orchestrator.errors import ImageError
from orchestrator.images.as_of import check, draft_of, moment_of, name_of, settings_of, unobtainable
from orchestrator.images.recipe import LOCK, SETTINGS, load, snapshot_time
from orchestrator.util.shipped import IMAGES

DAY = date(2025, 6, 1)
BOOKWORM = load(IMAGES, "bookworm")


def test_a_day_ends_at_its_last_second() -> None:
    """In UTC, as for the package index."""
    assert moment_of(DAY) == datetime(2025, 6, 1, 23, 59, 59, tzinfo=UTC)


def test_names_have_the_day_once() -> None:
    """Also where the image is one as of another day."""
    assert name_of("bookworm", DAY) == name_of("bookworm-20240101", DAY) == "bookworm-20250601"


def test_the_settings_name_the_day() -> None:
    """A custom image is based on its base of the same day."""
    assert tomllib.loads(settings_of(BOOKWORM, DAY)) == {
        **tomllib.loads(dict(BOOKWORM.files)[SETTINGS].decode()),
        "as-of": "2025-06-01",
    }
    assert tomllib.loads(settings_of(load(IMAGES, "rust-trixie"), DAY))["base"] == "trixie-20250601"


def test_an_image_of_a_day_may_be_the_model_of_another() -> None:
    """The day is replaced."""
    draft = draft_of(BOOKWORM, date(2024, 1, 1), None)

    assert tomllib.loads(settings_of(draft, DAY))["as-of"] == "2025-06-01"


def test_a_draft_has_no_packages_but_those_of_its_base() -> None:
    """So that provision takes what the archive of that day has."""
    draft = draft_of(BOOKWORM, DAY, None)

    assert (draft.name, draft.lock, dict(draft.files)[LOCK]) == ("bookworm-20250601", (), b"")
    above = draft_of(load(IMAGES, "rust"), DAY, replace(draft, lock=(("dash:amd64", "1"),)))
    assert above.lock == (("dash:amd64", "1"),)
    assert snapshot_time(dict(above.files)[LOCK].decode()) == moment_of(DAY)


def test_without_an_archive_the_error_names_each_package_that_was_updated() -> None:
    """And what to do; a package that is as released is not named."""
    lock = (("libc6:amd64", "2.36-9+deb12u13"), ("dash:all", "0.5.12-2"))

    text = unobtainable(replace(BOOKWORM, lock=lock), DAY)

    assert "libc6:amd64 (2.36-9+deb12u13 now)" in text
    assert "dash" not in text
    assert 'snapshots = "http://HOST/archive" in image.toml of the image bookworm' in text


def test_versions_that_show_no_update_are_not_counted() -> None:
    """As those of Ubuntu, whose lock may also be empty."""
    text = unobtainable(load(IMAGES, "noble"), DAY)

    assert "it needs Ubuntu's snapshot archive" in text
    assert "not known of any package. Name" in text


@pytest.mark.parametrize(("day", "manylinux"), [(date(2026, 1, 1), False), (DAY, True)])
def test_what_no_archive_has_is_refused(day: date, *, manylinux: bool) -> None:
    """A day that has not ended, and images of manylinux."""
    check("bookworm", DAY, date(2026, 1, 1), manylinux=False)
    with pytest.raises(ImageError, match="making bookworm as of"):
        check("bookworm", day, date(2026, 1, 1), manylinux=manylinux)
