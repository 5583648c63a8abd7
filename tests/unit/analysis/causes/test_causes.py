"""Each cause is recognized by every form of its trace, and is never named without it."""

from __future__ import annotations

import base64
import gzip
import importlib.util
import io
import json
import marshal
import struct
import tarfile
import zipfile
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from packaging.version import Version

from orchestrator.analysis.causes import foreign
from orchestrator.analysis.causes.catalogue import CAUSES, NAMES
from orchestrator.analysis.wheel_side import UNKNOWN
from orchestrator.build.variations import NAMES as VARIATIONS
from orchestrator.build.variations import traces
from orchestrator.model import Proof, Severity
from tests.cause_cases import PACKAGES
from tests.samples import ELSEWHERE, FIRST, NOON, SECOND, built
from tests.wheel_builder import OURS, SUSPECTED, THEIRS, causes, diagnosed, guessed, left, recorded

if TYPE_CHECKING:
    from orchestrator.model import Diagnosis, Traces

TEXT = "pkg/data.txt"
THEN = NOON + timedelta(seconds=SECOND.clock_offset)
"""The start of the second build of the samples, by its clock."""


def info(name: str, **fields: object) -> zipfile.ZipInfo:
    """Return a member's header with some fields set."""
    found = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
    found.external_attr = 0o100644 << 16
    for field, value in fields.items():
        setattr(found, field, value)
    return found


@pytest.mark.parametrize("cause", CAUSES, ids=NAMES)
def test_a_cause_is_complete(cause: object) -> None:
    """The documentation is made of its texts; its package shows it; its variations exist."""
    texts = {name: getattr(cause, name) for name in ("summary", "why", "shows", "example")}
    assert all(len(text) > 10 for text in texts.values()), texts
    assert all(texts[name].endswith((".", ")")) for name in ("summary", "why", "shows"))
    assert set(getattr(cause, "variations", ())) <= set(VARIATIONS)
    assert cause in foreign.CAUSES or (PACKAGES / str(getattr(cause, "name", "")) / "sin.py").is_file()


def test_names_of_causes_are_unique() -> None:
    """A name is an address."""
    assert len(set(NAMES)) == len(NAMES)


# --- the archive -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "cause", "variations"),
    [
        ("date_time", (2021, 2, 3, 4, 5, 6), "archive-times", ("time", "timezone")),
        ("external_attr", 0o100664 << 16, "archive-modes", ("umask",)),
        ("create_system", 0, "archive-packing", ()),
        ("extra", b"\x75\x78\x04\x00abcd", "archive-packing", ()),
        ("comment", b"made by me", "archive-packing", ()),
    ],
)
def test_a_header_is_a_separate_cause(field: str, value: object, cause: str, variations: tuple[str, ...]) -> None:
    """Nothing else differs, so all installed files are equal."""
    found = diagnosed([(info("pkg/a.py"), b"x")], [(info("pkg/a.py", **{field: value}), b"x")])
    assert (causes(found), left(found), found.severity) == ([cause], [], Severity.ARCHIVE)
    assert found.causes[0].variations == variations
    assert found.causes[0].members == ("pkg/a.py",)


def test_an_entry_for_a_folder_installs_nothing() -> None:
    """So its cause is packing."""
    found = diagnosed({"pkg/a.py": b""}, {"pkg/": b"", "pkg/a.py": b""})
    assert (causes(found), left(found), found.severity) == (["archive-packing"], [], Severity.ARCHIVE)


def test_times_decide_between_clock_and_time_zone() -> None:
    """One instant in two zones, or each build's time."""
    west, east = (NOON.astimezone(timezone(timedelta(hours=hours))).timetuple()[:6] for hours in (-12, 14))
    found = diagnosed([(info("a", date_time=west), b"")], [(info("a", date_time=east), b"")])
    assert found.causes[0].variations == ("timezone",)
    now, then = NOON.timetuple()[:6], THEN.timetuple()[:6]
    found = diagnosed([(info("a", date_time=now), b"")], [(info("a", date_time=then), b"")])
    assert found.causes[0].variations == ("time",)


def test_an_order_of_members_points_to_its_variation() -> None:
    """Folders listed in reverse, or a set."""
    paths = [f"pkg/{name}" for name in ("a.py", "b.py", "c.py", "d.py")]
    found = diagnosed([(path, b"") for path in paths], [(path, b"") for path in reversed(paths)])
    assert [(cause.name, cause.variations) for cause in found.causes] == [("archive-order", ("fileordering",))]
    found = diagnosed([(path, b"") for path in paths], [(paths[place], b"") for place in (2, 0, 3, 1)])
    assert [(cause.name, cause.variations) for cause in found.causes] == [("archive-order", ("hash-seed",))]


def test_a_member_in_one_wheel_only_is_named() -> None:
    """RECORD's line of it is derived."""
    record = "pkg-1.0.dist-info/RECORD"
    found = diagnosed({"a.py": b"", record: b"a.py,,\n"}, {"a.py": b"", "b.py": b"", record: b"a.py,,\nb.py,,\n"})
    assert (causes(found), left(found), found.severity) == (["extra-member"], [], Severity.MEMBERS)
    assert found.causes[0].members == ("b.py",)
    assert (found.causes[0].evidence[0].first, found.causes[0].evidence[0].second) == ("absent", "present")


# --- dist-info ---------------------------------------------------------------------------------

INFO = "pkg-1.0.dist-info"


@pytest.mark.parametrize(
    ("name", "first", "second", "cause"),
    [
        ("WHEEL", "Generator: a (1)\nTag: x\n", "Generator: b (2)\nTag: x\n", "generator"),
        ("METADATA", "Metadata-Version: 2.1\nName: p\n", "Metadata-Version: 2.4\nName: p\n", "backend-spelling"),
        (
            "METADATA",
            "Metadata-Version: 2.1\nName: p\nVersion: 1\n\nText",
            "Metadata-Version: 2.4\nName: p\nVersion: 1\nDynamic: license-file\n\nText",
            "backend-spelling",
        ),
        ("METADATA", "Keywords: a,b,c\n", "Keywords: c,a,b\n", "metadata-order"),
        ("entry_points.txt", "[x]\nb = m:b\na = m:a\n", "[x]\na = m:a\nb = m:b\n", "metadata-order"),
        ("top_level.txt", "one\ntwo\nthree\n", "three\none\ntwo\n", "metadata-order"),
        ("RECORD", "a,,\nb,,\nc,,\n", "c,,\na,,\nb,,\n", "record-order"),
        ("direct_url.json", '{"url": "file:///tmp/a"}', '{"url": "file:///tmp/b"}', "direct-url"),
        (
            "sboms/a.cyclonedx.json",
            '{"serialNumber": "1", "metadata": {"timestamp": "2026"}, "components": [1]}',
            '{"serialNumber": "2", "metadata": {"timestamp": "2027"}, "components": [1]}',
            "sbom",
        ),
    ],
)
def test_metadata_that_differs_has_its_cause(name: str, first: str, second: str, cause: str) -> None:
    """Its severity is metadata."""
    path = f"{INFO}/{name}"
    found = diagnosed({path: first.encode()}, {path: second.encode()})
    assert (causes(found), left(found), found.severity) == ([cause], [], Severity.METADATA)


def test_an_entry_point_that_truly_differs_is_unexplained() -> None:
    """No cause claims it."""
    path = f"{INFO}/entry_points.txt"
    found = diagnosed({path: b"[x]\na = m:a\n"}, {path: b"[x]\na = m:b\n"})
    assert (causes(found), left(found)) == ([], [(path, "content", "line 2")])


def test_a_bill_of_materials_with_other_components_stays_unexplained() -> None:
    """The cause covers only its number, times and paths."""
    path = f"{INFO}/sboms/a.cyclonedx.json"
    first, second = ({"serialNumber": name, "components": [{"name": name}]} for name in ("a", "b"))
    found = diagnosed({path: json.dumps(first).encode()}, {path: json.dumps(second).encode()})
    assert (causes(found), left(found)) == (["sbom"], [(path, "content", "components[0].name")])


def wheel_of_version(version: str) -> dict[str, bytes]:
    """Return the members of a wheel of that version."""
    folder = f"pkg-{version}.dist-info"
    return {f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: pkg\nVersion: {version}\n".encode()}


def at_clock(form: str, side: Traces, start: str = "") -> str:
    """Return a version that is a time of a build, with its numbers as PEP 440 writes them."""
    assert side.clock is not None
    return str(Version(start + datetime.fromtimestamp(side.clock[0], UTC).strftime(form)))


def versions_diagnosed(versions: tuple[str, ...], known: tuple[Traces, Traces] = (OURS, THEIRS)) -> Diagnosis:
    """Diagnose two wheels that differ only in their versions."""
    first, second = (f"pkg-{version}-py3-none-any.whl" for version in versions)
    return diagnosed(*map(wheel_of_version, versions), names=(first, second), known=known)


@pytest.mark.parametrize("form", ["%Y.%m.%d.%H%M", "%Y.%m%d", "%y.%m.%d", "%Y.%j", "%Y%m%d.%H.%M.%S", "%Y.%m.%d%H"])
@pytest.mark.parametrize("start", ["", "1.0.", "3!"])
def test_a_version_that_is_the_clock_is_named(form: str, start: str) -> None:
    """In any part of its numbers, which have no leading zeros; two files alone do not show it."""
    versions = tuple(at_clock(form, side, start) for side in (OURS, THEIRS))
    found = versions_diagnosed(versions)
    assert (set(causes(found)) <= {"scm-version", "build-date"}, left(found)) == (True, [])
    assert left(versions_diagnosed(versions, (UNKNOWN, UNKNOWN)))


def test_a_version_that_is_another_time_is_not_the_clock() -> None:
    """Nor one that differs in a number beside the time."""
    ours, theirs = (at_clock("%Y.%m.%d", side) for side in (OURS, THEIRS))
    for versions in (
        ("2019.5.4", theirs),
        (f"{ours}.1", f"{theirs}.2"),
        (ours, f"{theirs}.0"),
        (f"1.{ours}", f"2.{theirs}"),
    ):
        found = versions_diagnosed(versions)
        assert "scm-version" not in causes(found)
        assert left(found)


def test_a_version_computed_at_build_time_renames_members() -> None:
    """Members are paired through the new name of the folder."""
    versions = ("1.1.dev3+gabcdef0.d20261120", "1.1.dev3+gabcdef0.d20271223")
    wheels = []
    for version in versions:
        folder = f"pkg-{version}.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: pkg\nVersion: {version}\n".encode()
        wheels.append(
            {
                "pkg/__init__.py": b"",
                f"{folder}/METADATA": metadata,
                f"{folder}/RECORD": f"pkg/__init__.py,,\n{recorded(f'{folder}/METADATA', metadata)}".encode(),
            }
        )
    found = diagnosed(*wheels, names=(f"pkg-{versions[0]}-py3-none-any.whl", f"pkg-{versions[1]}-py3-none-any.whl"))
    assert (causes(found), left(found), found.severity) == (["scm-version"], [], Severity.METADATA)
    assert {path.partition("/")[2] for path in found.causes[0].members} == {"METADATA", "RECORD"}


def test_another_release_is_not_a_dynamic_version() -> None:
    """Wheels of two releases have no such cause."""
    found = diagnosed({"a.py": b""}, {"a.py": b""}, names=("pkg-1.0-py3-none-any.whl", "pkg-2.0-py3-none-any.whl"))
    assert (causes(found), left(found)) == ([], [("", "filename", "file name")])


def test_other_tags_are_another_wheel() -> None:
    """The highest severity."""
    found = diagnosed(
        {"a": b""}, {"a": b""}, names=("pkg-1.0-py3-none-any.whl", "pkg-1.0-cp311-cp311-linux_x86_64.whl")
    )
    assert (causes(found), left(found), found.severity) == ([], [("", "tags", "file name")], Severity.MEMBERS)


# --- what an environment planted -----------------------------------------------------------------

PLANTED = (
    ("build-path", FIRST.build_path, SECOND.build_path, "build-path"),
    ("host-name", FIRST.hostname, SECOND.hostname, "domain-host"),
    ("user-name", FIRST.user, SECOND.user, "user-group"),
    ("home-folder", FIRST.home, SECOND.home, "home"),
    ("temporary-folder", FIRST.tmpdir, SECOND.tmpdir, "tmpdir"),
    ("requirements-path", FIRST.environment_path, SECOND.environment_path, "environment-path"),
)


def wrapped(coding: str, value: str) -> bytes:
    """Return a value in an encoding, as in a file."""
    return {
        "plain": f"x = '{value}/y'\n".encode(),
        "hex": ("data = " + f"with {value} in it".encode().hex()).encode(),
        "upper hex": ("data = 0x" + f"with {value} in it".encode().hex().upper()).encode(),
        "base64": b"data = '" + base64.b64encode(f"with {value} in it".encode()) + b"'",
        "base64, one on": b"data = '" + base64.b64encode(f"now with {value} in it".encode()) + b"'",
        "base64, two on": b"data = '" + base64.urlsafe_b64encode(f"see with {value} in it".encode()) + b"'",
        "utf-16": f"x = '{value}'\n".encode("utf-16"),
        "utf-16 in binary": b"\0\1\2\3" + f"{value}".encode("utf-16-le") + b"\0\0\3",
        "url": f"http://x/?at={quote(value, safe='')}&y".encode(),
        "json": json.dumps({"x": value}).replace("/", "\\/").encode(),
        "mangled": f"obj_{value.replace('/', '_')}_o\n".encode(),
    }[coding]


CODINGS = ("plain", "hex", "upper hex", "base64", "base64, one on", "base64, two on", "utf-16", "utf-16 in binary",
           "url", "json", "mangled")  # fmt: skip


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(("cause", "first", "second", "variation"), PLANTED, ids=[one[0] for one in PLANTED])
def test_a_planted_value_is_found_in_every_encoding(
    coding: str, cause: str, first: str, second: str, variation: str
) -> None:
    """Each side contains its environment's value, and nothing is left after erasing both."""
    found = diagnosed({TEXT: wrapped(coding, first)}, {TEXT: wrapped(coding, second)})
    assert (causes(found), left(found), found.severity) == ([cause], [], Severity.DATA)
    assert found.causes[0].variations == (variation,)


@pytest.mark.parametrize(
    ("first", "second", "cause"),
    [
        ("uid 1111\n", "uid 2222\n", "user-name"),
        ("Linux 6.1.0\n", "Linux 2.6.78\n", "kernel-version"),
        ("Linux-6.1.0-x86_64-with-glibc2.36\n", "Linux-2.6.78-x86_64-with-glibc2.36\n", "kernel-version"),
        ("linux_6_1_0_x86_64\n", "linux_2_6_78_x86_64\n", "kernel-version"),
        ("KERNEL = (6, 1, 0)\n", "KERNEL = (2, 6, 78)\n", "kernel-version"),
        ("k6.1.0.x\n", "k2.6.78.x\n", "kernel-version"),
        (f"{FIRST.hostname.upper()}\n", f"{SECOND.hostname.upper()}\n", "host-name"),
        (f"{FIRST.hostname.replace('-', '_')}:1\n", f"{SECOND.hostname.replace('-', '_')}:1\n", "host-name"),
        (f"1+{FIRST.hostname.replace('-', '.')}\n", f"1+{SECOND.hostname.replace('-', '.')}\n", "host-name"),
        ("LANG=C.UTF-8\n", "LANG=et_EE.UTF-8\n", "locale-name"),
        ("offset -12:00\n", "offset +14:00\n", "zone-name"),
        ("sh is /bin/dash\n", "sh is /bin/bash\n", "shell-name"),
        ("umask 0022\n", "umask 0002\n", "umask-value"),
        ("mode 644\n", "mode 664\n", "umask-value"),
        ('{"mode": 33188}\n', '{"mode": 33204}\n', "umask-value"),
        ("-rw-r--r-- a\n", "-rw-rw-r-- a\n", "umask-value"),
        ("drwxr-xr-x a\n", "drwxrwxr-x a\n", "umask-value"),
        ("umask 22\n", "umask 2\n", "umask-value"),
        ("make -j1\n", "make -j4\n", "cpu-count"),
        ("/bin:/usr/bin\n", f"/bin:/usr/bin:{SECOND.path[-1]}\n", "exec-path"),
        ('{"x": null}\n', f'{{"x": "{SECOND.variables[0][1]}"}}\n', "environment-value"),
        ("value None\n", f"value {SECOND.variables[0][1]}\n", "environment-value"),
        (f"at ../..{FIRST.environment_path}/x\n", f"at ../../../..{SECOND.environment_path}/x\n", "requirements-path"),
        ("in pkg-1.0/src\n", f"in {SECOND.build_path.rpartition('/')[2]}/src\n", "build-path"),
    ],
)
def test_a_common_value_counts_only_at_one_place_on_both_sides(first: str, second: str, cause: str) -> None:
    """Each side has its environment's value there."""
    found = diagnosed({TEXT: first.encode()}, {TEXT: second.encode()})
    assert (causes(found), left(found)) == ([cause], [])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("level 1\n", "level 4\n"),  # the numbers of processors, but nothing speaks of such
        ("uid 1111\n", "uid 3333\n"),
        ("x-16.1.0-y\n", "x-12.6.78-y\n"),
        ("x-6.1.0.2-y\n", "x-2.6.78.2-y\n"),
        ("x-6.1.01-y\n", "x-2.6.781-y\n"),
        ("x-6.1.0-y\n", "x-2.6.79-y\n"),
        ("umask 0022\n", "umask 0077\n"),
        ("umask 22\n", "umask 77\n"),
        ("number 22\n", "number 2\n"),
        ("-rw-r--r-- a\n", "-rw-rw-rw- a\n"),
        (f"x {FIRST.hostname}\n", "x elsewhere\n"),
        (f"x {SECOND.hostname}\n", f"x {FIRST.hostname}\n"),  # each has the other's
        ("2026-11-20\n", "2026-11-29\n"),  # the first build's day, but not the second's
        ("Friday\n", "Monday\n"),
        ("2026-W47\n", "2027-W50\n"),
        ("2026-W47\n", "2026-W54\n"),  # there is none
        ("2026-324\n", "2027-399\n"),
        ("Fridays\n", "Saturdays\n"),
        ("x = 1\n", "x = 2\n"),
    ],
)
def test_a_difference_without_a_trace_stays_unexplained(first: str, second: str) -> None:
    """No claim is better than a wrong one."""
    found = diagnosed({TEXT: first.encode()}, {TEXT: second.encode()})
    assert (causes(found), left(found)) == ([], [(TEXT, "content", "line 1")])


# --- dates ---------------------------------------------------------------------------------------

LOCAL = [one.astimezone(timezone(timedelta(hours=hours))) for one, hours in ((NOON, -12), (THEN, 14))]


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y%m%d", "%Y%m%d%H%M%S", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y",
        "%b %d %Y", "%b %d %Y %H:%M:%S", "%B %d, %Y", "%d %b %Y", "%d-%b-%Y", "%a %b %d %H:%M:%S %Y",
        "%a, %d %b %Y %H:%M:%S +0000", "%Y", "%Y-%m", "%B %Y", "%H:%M", "%s", "%s.123456", "%s123",
        "%G-W%V", "%G-W%V-%u", "%GW%V", "%Y-%j", "%Y%j", "%A", "%a", "%A, %H:%M",
    ],
)  # fmt: skip
def test_the_time_of_the_build_is_found_in_every_form(form: str) -> None:
    """In UTC, so the time zone is not suspected."""
    texts = [one.strftime(form.replace("%s", str(int(one.timestamp())))).encode() for one in (NOON, THEN)]
    found = diagnosed({TEXT: b"made " + texts[0] + b"\n"}, {TEXT: b"made " + texts[1] + b"\n"})
    assert (causes(found), left(found)) == (["build-date"], [])
    assert found.causes[0].variations == ("time",)


def test_the_build_time_in_local_time_suspects_clock_and_zone() -> None:
    """Keeping only the clock equal would not make the bytes equal."""
    texts = [one.strftime("%Y-%m-%d %H:%M\n").encode() for one in LOCAL]
    found = diagnosed({TEXT: texts[0]}, {TEXT: texts[1]})
    assert [(cause.name, cause.variations) for cause in found.causes] == [("build-date", ("time", "timezone"))]


@pytest.mark.parametrize("width", ["<I", "<Q"])
def test_the_time_of_the_build_is_found_as_a_number(width: str) -> None:
    """Little-endian seconds, in binary data."""
    blobs = [b"\0head" + struct.pack(width, int(one.timestamp()) + 1) + b"\0tail" for one in (NOON, THEN)]
    found = diagnosed({"pkg/a.bin": blobs[0]}, {"pkg/a.bin": blobs[1]})
    assert (causes(found), left(found)) == (["build-date"], [])


@pytest.mark.parametrize(
    "form", ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H", "%b %d %Y %H:%M:%S", "%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
)
def test_one_instant_in_two_zones_suspects_the_zone(form: str) -> None:
    """For example, SOURCE_DATE_EPOCH in local time."""
    moment = datetime(2020, 7, 31, 2, 47, 38, tzinfo=UTC)
    texts = [moment.astimezone(one.tzinfo).strftime(form).encode() for one in LOCAL]
    found = diagnosed({TEXT: texts[0]}, {TEXT: texts[1]})
    assert (causes(found), left(found)) == (["time-zone"], [])


# --- orders and random names -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "cause"),
    [
        ("<object at 0x7f2c8c0a4d30>\n", "<object at 0x7fd1b5a1e4c0>\n", "object-address"),
        (
            "id 1b4e28ba-2fa1-4d2e-883f-0016d3cca427\n",
            "id 6fa459ea-ee8a-4ca4-894e-db77e160355e\n",
            "random-id",
        ),
        ("/x/pip-build-env-ab12cd34/x\n", "/x/pip-build-env-zz99_yx8/x\n", "random-folder"),
        ("src/.mesonpy-ab12cd34/x\n", "src/.mesonpy-zz99_yx8/x\n", "random-folder"),
        ("/x/.tmpAbCdEf/y\n", "/x/.tmpGhIjKl/y\n", "random-folder"),
        ("/x/tmpab12cd34\n", "/x/tmpzz99_yx8\n", "random-folder"),
        ("/x/skbuild-ab12xd34/y\n", "/x/skbuild-zz99_yx8/y\n", "random-folder"),  # a prefix of a package's own
        ("/x/out/.tmp-ss043i4h\n", "/x/out/.tmp-po74ghhb\n", "random-folder"),
        ("'.tmp-ss043i4h'\n", "'.tmp-po74ghhb'\n", "random-folder"),
        ("/x/tmpab12cd34.build-temp/a.o\n", "/x/tmpzz99_yx8.build-temp/a.o\n", "random-folder"),
        ("/tmp/cmkab12xd34/a\n", "/tmp/cmkzz99_yx8/a\n", "random-folder"),  # noqa: S108 - of a container
        ("/tmp/ab12xd34.c\n", "/tmp/zz99_yx8.c\n", "random-folder"),  # noqa: S108 - of a container
        ("/tmp/onefile_ab12xd34.txt\n", "/tmp/onefile_zz99_yx8.txt\n", "random-folder"),  # noqa: S108 - of a container
        ("/tmp/cc1aB2cD.o\n", "/tmp/ccXyZ3wq.o\n", "random-folder"),  # noqa: S108 - of a container
        ("/x/a.build_ab12xd34/y/b-k0k0k0k0/z\n", "/x/a.build_zz99_yx8/y/b-j1j1j1j1/z\n", "random-folder"),
    ],
)
def test_random_values_are_recognized_by_their_form(first: str, second: str, cause: str) -> None:
    """Without knowledge of either build; as long as no build has shown it, it is a guess, and the place is listed."""
    pair = {TEXT: first.encode()}, {TEXT: second.encode()}
    found = diagnosed(*pair, known=(UNKNOWN, UNKNOWN), grounds=SUSPECTED)
    assert (causes(found), left(found)) == ([cause], [])
    assert {one.proof for one in found.causes} == {Proof.POSSIBLE}
    assert {named for _, named in guessed(found)} == {cause}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("skbuild-20261120", "skbuild-20271225"),
        ("skbuild-1a2b3c4d", "skbuild-99aa88bb"),  # a hash
        ("skbuild-alphabet", "skbuild-commands"),
        ("skbuild-ab12xd34", "sk-build-zz99_yx8"),
        ("skbuild-ab12xd34x", "skbuild-zz99_yx8z"),
        ("skbuild-ab12xd34.c", "skbuild-zz99_yx8.h"),
    ],
)
def test_not_every_ending_of_a_folder_is_random(first: str, second: str) -> None:
    """Dates, hashes and words are none that mkdtemp makes up; nor is another prefix, or another length."""
    found = diagnosed({TEXT: f"x/{first}/y\n".encode()}, {TEXT: f"x/{second}/y\n".encode()}, known=(UNKNOWN, UNKNOWN))
    assert "random-folder" not in causes(found)


def test_evidence_shows_the_line_that_a_cause_explains() -> None:
    """Also where another cause makes an earlier line of the same token differ."""
    first, second = (
        "\0".join((*(f"{path}/{number}" for number in range(20)), f"/x/tmp{letters}/y")).encode()
        for path, letters in ((FIRST.build_path, "ab12cd34"), (SECOND.build_path, "zz99_yx8"))
    )
    found = diagnosed({"pkg/a.bin": first}, {"pkg/a.bin": second})
    shown = {cause.name: cause.evidence[0] for cause in found.causes}
    assert set(shown) == {"build-path", "random-folder"}
    assert (shown["random-folder"].first, shown["random-folder"].second) == ("/x/tmpab12cd34/y", "/x/tmpzz99_yx8/y")
    assert FIRST.build_path in shown["build-path"].first


def test_two_build_folders_with_a_common_end_are_a_path() -> None:
    """Without knowledge of either build, as with published wheels."""
    found = diagnosed(
        {TEXT: b"at /home/me/src/pkg/a.c:1\n"}, {TEXT: b"at /build/x/pkg/a.c:1\n"}, known=(UNKNOWN, UNKNOWN)
    )
    assert (causes(found), left(found)) == (["build-path"], [])
    found = diagnosed({TEXT: b"at /usr/lib/a.c\n"}, {TEXT: b"at /usr/share/b.c\n"}, known=(UNKNOWN, UNKNOWN))
    assert causes(found) == []


# --- archives in the wheel --------------------------------------------------------------------------


def packed_tar(content: bytes, *, mtime: int = 0, user: str = "root") -> bytes:
    """Return a compressed tar of one file."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("inner.txt")
        member.size, member.mtime, member.uname = len(content), mtime, user
        archive.addfile(member, io.BytesIO(content))
    return gzip.compress(out.getvalue(), mtime=mtime)


def packed_zip(content: bytes, *, year: int = 2020) -> bytes:
    """Return a zip archive of one file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("inner.txt", (year, 1, 1, 0, 0, 0)), content)
    return out.getvalue()


def test_headers_of_an_archive_inside_are_a_cause() -> None:
    """A tar in a gzip: both have times, and the tar has owners."""
    found = diagnosed({"d.tar.gz": packed_tar(b"x")}, {"d.tar.gz": packed_tar(b"x", mtime=9, user="me")})
    assert (causes(found), left(found), found.severity) == (["nested-archive"], [], Severity.DATA)
    assert set(found.causes[0].variations) == {"time", "timezone", "user-group"}


def test_the_clock_in_the_header_of_a_gzip_is_a_date_too() -> None:
    """gzip, unless given a time, writes that of its own call: no time zone changes it."""
    first, second = ({"tool.1.gz": gzip.compress(b"x", mtime=when.timestamp())} for when in (NOON, THEN))
    found = diagnosed(first, second)
    assert [(cause.name, cause.variations) for cause in found.causes] == [
        ("nested-archive", ("time",)),
        ("build-date", ("time",)),
    ]
    assert left(found) == []
    found = diagnosed(first, {"tool.1.gz": gzip.compress(b"x", mtime=9)})
    assert [(cause.name, cause.variations) for cause in found.causes] == [("nested-archive", ("time", "timezone"))]


@pytest.mark.parametrize("pack", [packed_tar, packed_zip])
def test_members_of_a_nested_archive_have_their_causes(pack: object) -> None:
    """Through all its layers."""
    assert callable(pack)
    found = diagnosed({"d.npz": pack(FIRST.hostname.encode())}, {"d.npz": pack(SECOND.hostname.encode())})
    assert (causes(found), left(found)) == (["host-name"], [])
    assert "inner.txt" in found.causes[0].evidence[0].where
    found = diagnosed({"d.npz": pack(b"one")}, {"d.npz": pack(b"two")})
    assert causes(found) == []
    assert [(path, "inner.txt" in where) for path, _, where in left(found)] == [("d.npz", True)]


def test_two_compressions_of_one_content_differ_in_packing() -> None:
    """At two levels."""
    content = bytes(range(256)) * 100
    first, second = (
        gzip.compress(content, level, mtime=0)[:9] + b"\xff" + gzip.compress(content, level, mtime=0)[10:]
        for level in (1, 9)
    )
    found = diagnosed({"d.gz": first}, {"d.gz": second})
    assert (causes(found), left(found)) == (["nested-archive"], [])


# --- bytecode -----------------------------------------------------------------------------------------


def pyc(source: str, name: str = "a.py", mtime: int | None = None, version: int = 4) -> bytes:
    """Return the bytecode of a module."""
    header = struct.pack("<III", 0, mtime, len(source)) if mtime is not None else b"\1\0\0\0" + b"\0" * 8
    return importlib.util.MAGIC_NUMBER + header + marshal.dumps(compile(source, name, "exec"), version)


SOURCE = "import os\ndef f(x, *, y=(1, 2.5, 3j, b'z', 10**30)):\n    return [x in {'a', 'b'}, lambda: y, ...]\n"


@pytest.mark.parametrize(
    ("first", "second", "cause", "severity"),
    [
        (pyc(SOURCE, mtime=1), pyc(SOURCE, mtime=2), "bytecode-mtime", Severity.METADATA),
        (
            pyc(SOURCE, f"{FIRST.build_path}/a.py"),
            pyc(SOURCE, f"{SECOND.build_path}/a.py"),
            "bytecode-path",
            Severity.DATA,
        ),
        (pyc(SOURCE), pyc(SOURCE, version=2), "bytecode-order", Severity.METADATA),
        (
            pyc(f"x = '{FIRST.hostname}'"),
            pyc(f"x = '{SECOND.hostname}'"),
            "host-name",
            Severity.CODE,
        ),
    ],
    ids=["time", "path", "form", "constant"],
)
def test_bytecode_is_read_and_never_run(first: bytes, second: bytes, cause: str, severity: Severity) -> None:
    """By our reader."""
    found = diagnosed({"a.pyc": first}, {"a.pyc": second})
    assert (causes(found), left(found), found.severity) == ([cause], [], severity)


def test_unexplained_bytecode_names_the_part_that_differs() -> None:
    """A constant of a function."""
    found = diagnosed({"a.pyc": pyc("def f():\n    return 1000\n")}, {"a.pyc": pyc("def f():\n    return 1001\n")})
    assert (causes(found), found.severity) == ([], Severity.CODE)
    assert [where for _, _, where in left(found)] == ["f: constant 1"]


ON_TWO_HOSTS = tuple(traces(built(name, one, "1")) for name, one in (("first", FIRST), ("second", ELSEWHERE)))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("built on Example Processor 100X\n", "built on Example Processor 200X\n"),
        ('CPU = "Example Processor 100X"  # 6.1.0-1-amd64\n', 'CPU = "Example Processor 200X"  # 6.2.0-2-amd64\n'),
        ("Linux version 6.1.0-1-amd64\n", "Linux version 6.2.0-2-amd64\n"),
        ("KERNEL = (6, 1, 0)\n", "KERNEL = (6, 2, 0)\n"),
    ],
)
def test_the_processor_and_the_kernel_of_two_hosts_are_named(first: str, second: str) -> None:
    """Where each wheel has what its host's probe saw; two builds on one host show nothing of it."""
    members = ({"pkg/a.txt": first.encode()}, {"pkg/a.txt": second.encode()})
    found = diagnosed(*members, known=ON_TWO_HOSTS)  # type: ignore[arg-type] # a pair
    assert (causes(found), found.unexplained) == (["host-hardware"], ())
    assert "host-hardware" not in causes(diagnosed(*members))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("built on Example Processor 200X\n", "built on Example Processor 100X\n"),  # each has the other's
        ("built on Example Processor 100X\n", "built on Example Processor 300X\n"),
        ("Example Processor 100X, AVX2\n", "Example Processor 200X, AVX-512\n"),
        ("Example Processor 100X Example Processor 100X\n", "Example Processor 200X\n"),
        ("Linux version 6.1.0-1-amd64\n", "Linux version 6.3.0-1-amd64\n"),
        ("vmovups ymm0\n", "vmovups zmm0\n"),  # an instruction set: only builds show that it follows the host
    ],
)
def test_what_is_not_of_the_two_hosts_stays_unexplained(first: str, second: str) -> None:
    """No trace claims more than what both probes saw."""
    members = ({"pkg/a.txt": first.encode()}, {"pkg/a.txt": second.encode()})
    assert diagnosed(*members, known=ON_TWO_HOSTS).unexplained  # type: ignore[arg-type] # a pair
