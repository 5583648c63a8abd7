"""Two spellings of one meaning are a cause; another meaning never is."""

from __future__ import annotations

import zipfile

import pytest

from orchestrator.analysis.wheel_side import UNKNOWN
from orchestrator.model import Severity
from tests.wheel_builder import causes, diagnosed, left

INFO = "pkg-1.0.dist-info"
STRANGERS = (UNKNOWN, UNKNOWN)


def headers(*lines: str, end: str = "") -> bytes:
    """Return a METADATA with some headers."""
    return "\n".join(["Metadata-Version: 2.1", "Name: pkg", *lines, end]).encode()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (["Requires-Dist: a (>=1,!=2)"], ["Requires-Dist: a!=2,>=1"]),
        (["Requires-Dist: A_b >=1.0"], ["Requires-Dist: a-b>=1.0.0"]),
        (["Requires-Dist: a[y,x] ; extra == 'Z_z'"], ['Requires-Dist: a[x,y]; extra == "z-z"']),
        (
            ["Requires-Dist: a; (python_version < '3' and os_name == 'nt') and extra == 'x'"],
            ['Requires-Dist: a; python_version < "3" and os_name == "nt" and extra == "x"'],
        ),
        (["Requires-Dist: a", "Requires-Dist: a"], ["Requires-Dist: a"]),
        (["Requires-Python: >=3.8, <4"], ["Requires-Python: <4,>=3.8"]),
        (["Provides-Extra: Z_z"], ["Provides-Extra: z-z"]),
        (["License: UNKNOWN", "Platform: UNKNOWN", "Summary: UNKNOWN"], []),
        (["License: MIT"], ["License-Expression: MIT"]),
        (["Summary: one\n        two"], ["Summary: one two"]),
        (["Keywords: a, b"], ["Keywords: a,b"]),
        (["Description-Content-Type: text/markdown"], ["Description-Content-Type: text/markdown; charset=UTF-8"]),
        ([], ["", ""]),
        ([], ["", "UNKNOWN", ""]),
    ],
)  # fmt: skip
def test_a_spelling_is_named(first: list[str], second: list[str]) -> None:
    """It is at most of metadata."""
    path = f"{INFO}/METADATA"
    for sides in ((first, second), (second, first)):
        found = diagnosed(*({path: headers(*side)} for side in sides), known=STRANGERS)
        assert (causes(found), left(found), found.severity) == (["backend-spelling"], [], Severity.METADATA)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (["Requires-Dist: a>=1"], ["Requires-Dist: a>1"]),
        (["Requires-Dist: a>=1"], ["Requires-Dist: b>=1"]),
        (["Requires-Dist: a~=1.0"], ["Requires-Dist: a~=1.0.0"]),
        (["Requires-Dist: a===1.0"], ["Requires-Dist: a===1.0.0"]),
        (["Requires-Dist: a[x]"], ["Requires-Dist: a"]),
        (["Requires-Dist: a; extra == 'x'"], ["Requires-Dist: a"]),
        (
            ["Requires-Dist: a; os_name == 'x' or os_name == 'y'"],
            ["Requires-Dist: a; os_name == 'x' and os_name == 'y'"],
        ),
        (
            ["Requires-Dist: a; (os_name == 'x' or os_name == 'y') and extra == 'z'"],
            ["Requires-Dist: a; os_name == 'x' or os_name == 'y' and extra == 'z'"],
        ),
        (["Requires-Dist: a; platform_version == '(x'"], ["Requires-Dist: a; platform_version == 'x'"]),
        (["Requires-Dist: a @ http" + "://x/1"], ["Requires-Dist: a @ http" + "://x/2"]),
        (["Requires-Dist: a"], []),
        (["Requires-Dist: not valid at all"], ["Requires-Dist: not  valid, at all"]),
        (["Requires-Python: >=3.8"], ["Requires-Python: >=3.9"]),
        (["Dynamic: license"], []),  # both have the same version of the metadata
        (["License: MIT"], ["License-Expression: BSD-3-Clause"]),
        (["Author: me"], ["Author: UNKNOWN"]),
        (["Version: 1", "Version: 2"], ["Version: 2", "Version: 1"]),
        (["Summary: a", "", "Text"], ["Summary: a", "", "Another"]),
    ],
)  # fmt: skip
def test_another_meaning_is_no_spelling(first: list[str], second: list[str]) -> None:
    """A place stays unexplained."""
    path = f"{INFO}/METADATA"
    found = diagnosed(*({path: headers(*side)} for side in (first, second)), known=STRANGERS)
    assert left(found)


def test_names_of_files_and_folders_are_spelled() -> None:
    """As PEP 427 and PEP 503 normalize them."""
    names = ("My.Pkg-1.0-py3-none-any.whl", "my_pkg-1.0-py3-none-any.whl")
    found = diagnosed({"My.Pkg-1.0.dist-info/X": b""}, {"my_pkg-1.0.dist-info/X": b""}, known=STRANGERS, names=names)
    assert (causes(found), left(found), found.severity) == (["backend-spelling"], [], Severity.METADATA)
    found = diagnosed({"pkg-1.0.dist-info/X": b""}, {"gkp-1.0.dist-info/X": b""}, known=STRANGERS)
    assert left(found)


def test_a_line_that_moves_to_another_section_is_unexplained() -> None:
    """Sections and their lines have no order; a line belongs to its section."""
    path = f"{INFO}/entry_points.txt"
    first = b"[a]\nx = m:x\ny = m:y\n\n[b]\nz = m:z\n"
    moved = b"[b]\nz=m:z\n\n[a]\ny = m:y\nx = m:x\n"
    found = diagnosed({path: first}, {path: moved}, known=STRANGERS)
    assert (set(causes(found)) - {"white-space"}, left(found)) == ({"backend-spelling", "metadata-order"}, [])
    other = b"[a]\nx = m:x\n\n[b]\ny = m:y\nz = m:z\n"
    found = diagnosed({path: first}, {path: other}, known=STRANGERS)
    assert len(left(found)) == 2


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (0o644, ["backend-spelling"]),
        (0o100664, ["archive-modes"]),
        (0o664, ["archive-modes", "backend-spelling"]),
        (0o100755, []),  # no umask lets the owner run a file
        (0o104644, []),
    ],
)
def test_a_type_that_is_absent_is_no_umask(mode: int, expected: list[str]) -> None:
    """Nor is any other bit a umask's doing."""
    members = []
    for bits in (0o100644, mode):
        info = zipfile.ZipInfo("pkg/a.py", (2020, 1, 1, 0, 0, 0))
        info.external_attr = bits << 16
        members.append([(info, b"x")])
    found = diagnosed(members[0], members[1], known=STRANGERS)
    assert (causes(found), bool(left(found))) == (expected, not expected)
