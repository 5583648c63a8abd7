"""No name of a file leads out of its folder, breaks a line, or is taken for another release's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model import names
from orchestrator.model.names import BadNameError, SdistName, WheelName, WrongNameError

SHA256 = "a" * 64
WHEEL = "innocent-1.0-py3-none-any.whl"
HOSTILE = st.lists(
    st.sampled_from([*"ab1-._+!/\\\n\r\0 ~%:*\u202e\udc80é٣", "py3", "none", "any", ".whl", ".tar.gz"])
).map("".join)


@pytest.mark.parametrize(
    ("filename", "project", "version"),
    [
        (WHEEL, "innocent", "1.0"),
        ("Foo.Bar-1.0-py3-none-any.whl", "foo-bar", "1.0"),  # as setuptools before 69 wrote it
        ("foo_bar-1.0-py3-none-any.whl", "foo-bar", "1.0"),
        ("Foo_Bar-1.0-py3-none-any.whl", "Foo.Bar", "1.0"),
        ("pkg-1.0.post1-py3-none-any.whl", "pkg", "1.0-1"),
        ("pkg-1.0_post1-py3-none-any.whl", "pkg", "1.0-1"),
        ("pkg-01.0-py3-none-any.whl", "pkg", "1"),
        ("pkg-2!1.0rc1-py3-none-any.whl", "pkg", "2!1.0c1"),
        ("pkg-1.0+ubuntu.1-py3-none-any.whl", "pkg", "1.0+ubuntu-1"),
        ("pkg-1.0+ubuntu_1-py3-none-any.whl", "pkg", "1.0+ubuntu.1"),
        ("pkg-1.0-1build2-cp311-cp311-linux_x86_64.whl", "pkg", "1.0"),
        ("pkg-1.0-py2.py3-none-any.whl", "pkg", "1.0"),
        ("pkg-1.0-cp311-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "pkg", "1.0"),
        ("pkg-20240101-py3-none-macosx_10_9_universal2.whl", "pkg", "20240101"),
    ],
)
def test_names_written_by_tools_belong_to_their_release(filename: str, project: str, version: str) -> None:
    """In every spelling that normalizes to the same."""
    assert names.wheel_of(filename, project, version).filename == filename


@pytest.mark.parametrize(
    ("filename", "words"),
    [
        ("requests-2.32.3-py3-none-any.whl", "a wheel of the project requests, and what is built is innocent"),
        ("innocent_1.0-2.0-py3-none-any.whl", "project"),
        ("innocent-1.1-py3-none-any.whl", "a wheel of version 1.1, and what is built is innocent 1.0"),
        ("innocent-0.0.0-py3-none-any.whl", "version 0.0.0"),
        ("innocent-1.0+local-py3-none-any.whl", "version 1.0"),
        ("innocent-1!1.0-py3-none-any.whl", "version 1!1.0"),
    ],
)
def test_a_wheel_of_another_release_is_refused(filename: str, words: str) -> None:
    """Even if its name is valid."""
    with pytest.raises(WrongNameError, match=re.escape(words)):
        names.wheel_of(filename, "innocent", "1.0")


BAD_WHEELS = [
    "",
    ".whl",
    "innocent",
    "innocent-1.0.whl",
    "innocent-1.0-\u2026-any.whl",
    "innocent-1.0-py3-none-any.WHL",
    f"../{WHEEL}",
    f"/{WHEEL}",
    f"innocent-1.0-1/../../{WHEEL}",
    "innocent-1.0-1/../x-py3-none-any.whl",
    "innocent-1.0-py3-none-any/../../../x.whl",
    "innocent-1.0-py3-none-.whl",
    "innocent-1.0-py3--any.whl",
    "innocent-1.0-py3..py2-none-any.whl",
    "innocent-1.0-py3-none-any\\x.whl",
    f"{WHEEL}\n{SHA256}  requests-2.32.3-py3-none-any.whl",
    f" {WHEEL}",
    f"{WHEEL[:-4]}\0.whl",
    "innocent-1.0-py3-none-\u202eany.whl",
    "innocent-1.0-py3-none-\udc80.whl",
    "innocent-\u0661.0-py3-none-any.whl",
    "-innocent-1.0-py3-none-any.whl",
    "_innocent-1.0-py3-none-any.whl",
    "inno__cent-1.0-py3-none-any.whl",
    "innocent-one-py3-none-any.whl",
    f"innocent-1.0-py3-none-{'x' * 256}.whl",
    f"innocent-1.0-{'.'.join(['a'] * 30)}-{'.'.join(['b'] * 30)}-{'.'.join(['c'] * 30)}.whl",
    "innocent-1.0.tar.gz",
]
BAD_SDISTS = [
    "",
    ".tar.gz",
    "innocent.tar.gz",
    "innocent-1.0.tgz",
    "../innocent-1.0.tar.gz",
    "a/innocent-1.0.tar.gz",
    "innocent-1.0/../x.tar.gz",
    "innocent-1.0.tar.gz\n",
    "-1.0.tar.gz",
    "_-1.0.zip",
    "innocent-one.zip",
    WHEEL,
]


@pytest.mark.parametrize(
    ("form", "filename"),
    [*((WheelName, bad_wheel) for bad_wheel in BAD_WHEELS), *((SdistName, bad_sdist) for bad_sdist in BAD_SDISTS)],
)
def test_there_is_no_value_of_a_bad_name(form: type[WheelName | SdistName], filename: str) -> None:
    """Neither by a function nor by the type; and the message is one printable line."""
    with pytest.raises(BadNameError) as caught:
        form(filename)
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


@given(HOSTILE, HOSTILE, HOSTILE)
def test_a_name_stays_in_its_folder_and_on_its_line(first: str, second: str, third: str) -> None:
    """Everything else raises BadNameError."""
    for text in (first, f"{first}-{second}-{third}-none-any.whl", f"{first}-1-py3-{third}-any.whl", f"{first}-1.zip"):
        try:
            name = names.parsed(text)
        except BadNameError:
            continue
        folder = Path("/cache/tools")
        place = names.place(folder, SHA256, name)
        assert place.parent == folder / SHA256
        assert place.resolve() == place
        assert names.checksum_line(SHA256, name).splitlines() == [f"{SHA256}  {text}"]
        assert names.parsed(name.filename) == name


@pytest.mark.parametrize("sha256", ["", "..", "A" * 64, "../" + "a" * 61, "a" * 65, "a" * 63 + "\n"])
def test_an_invalid_hash_is_refused(sha256: str) -> None:
    """Hashes come from indexes, too."""
    for use in (
        lambda: names.place(Path("/cache"), sha256, WheelName(WHEEL)),
        lambda: names.checksum_line(sha256, WheelName(WHEEL)),
    ):
        with pytest.raises(BadNameError, match="no SHA-256"):
            use()
