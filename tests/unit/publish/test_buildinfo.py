"""A .buildinfo is read by Debian's library, and no text of a package adds a field to it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from debian.deb822 import BuildInfo, Deb822

from orchestrator.model import Pin, Provided, Result, Verdict
from orchestrator.publish.buildinfo import buildinfo_of
from tests.sample_results import HOSTILE, sample

PACKAGES = {"gcc:amd64": "4:14.2.0-1", "libstdc++6:amd64": "14.2.0-19", "adduser:all": "3.152"}
BREAKS = ("\n", "\r", "\r\n", "\n\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\x00", "\n .\n")


def text_of(result: Result) -> bytes:
    """Return the content of a result's file."""
    found = buildinfo_of(result, PACKAGES)
    assert found
    return found[1]


def test_the_library_of_debian_reads_each_field() -> None:
    """Lists too: hashes of files, and relations to packages."""
    provided = Provided("wheel", "0.38.4", "python3-wheel", "0.38.4-2")
    result = replace(sample(), provided=(provided,))
    name, text = buildinfo_of(result, PACKAGES) or ("", b"")
    wheel, sdist = result.builds[0].wheel, result.sdist
    assert wheel
    assert sdist
    assert name == f"{wheel.filename}.buildinfo"
    read = BuildInfo(text)
    assert (read["Format"], read["Source"], read["Version"]) == ("wheelproof-1", "six", "1.16.0")
    assert (read["Architecture"], read["Job"], read["Verdict"]) == ("any", result.job, "reproducible")
    assert [dict(one) for one in read["Checksums-Sha256"] or ()] == [
        {"sha256": sdist.sha256, "size": str(sdist.size), "name": sdist.filename},
        {"sha256": wheel.sha256, "size": str(wheel.size), "name": wheel.filename},
    ]
    installed = {one[0]["name"]: one[0]["version"] for one in read.relations["installed-build-depends"] or ()}
    assert installed == {"gcc": ("=", "4:14.2.0-1"), "libstdc++6": ("=", "14.2.0-19"), "adduser": ("=", "3.152")}
    assert read.get_environment()["TZ"] == "GMT+12"
    assert read["Build-Requires"].split() == [
        "setuptools",
        "(=",
        "80.9.0)",
        result.build_requirements[0].sha256,
        "setuptools-80.9.0-py3-none-any.whl",
    ]
    assert read["Build-Requires-Debian"].strip() == "python3-wheel (= 0.38.4-2)"


def test_nothing_of_a_package_adds_a_field() -> None:
    """Whatever its texts use as the end of a line."""
    plain = set(Deb822(text_of(sample())))
    for end in BREAKS:
        text = f"x{end}Injected: yes{end}{end}Second: paragraph{end}{HOSTILE}"
        first = sample().builds[0]
        environment = replace(
            first.environment, build_path=text, variables=(("A", text),), config_settings=((text, text),)
        )
        pin = Pin(text, text, text, text, text)
        result = replace(sample(), builds=(replace(first, environment=environment),), build_requirements=(pin,))
        content = text_of(result)
        assert set(Deb822(content)) == plain | {"Config-Settings"}
        assert len(list(Deb822.iter_paragraphs(content))) == 1
        assert all(line.isprintable() for line in content.decode().split("\n"))


def test_an_empty_item_or_a_dot_ends_no_list() -> None:
    """A line of a blank and a dot is an empty line to Debian's tools."""
    first = sample().builds[0]
    environment = replace(first.environment, build_path=" . ", config_settings=(("", ""),))
    read = Deb822(text_of(replace(sample(), builds=(replace(first, environment=environment),))))
    assert read["Build-Path"] == '"."'
    assert read["Config-Settings"].strip() == "="


def test_a_build_without_a_wheel_has_none() -> None:
    """Nor has a release that was not built."""
    assert buildinfo_of(sample(verdict=Verdict.FTBFS), PACKAGES) is None
    assert buildinfo_of(sample(verdict=Verdict.NO_SDIST), None) is None


@pytest.mark.parametrize("name", ["../../../x-1.0-py3-none-any.whl", "/srv/x-1.0-py3-none-any.whl", "x\n.whl", ""])
def test_a_record_of_others_names_no_file_elsewhere(name: str) -> None:
    """Whoever signs what another farm found reads its records."""
    first = sample().builds[0]
    assert first.wheel
    elsewhere = replace(first, wheel=replace(first.wheel, filename=name))

    assert buildinfo_of(replace(sample(), builds=(elsewhere,)), PACKAGES) is None
