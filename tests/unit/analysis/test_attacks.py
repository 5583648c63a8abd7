"""Pairs by which a malicious publisher hides a difference that matters; no cause explains it, and its text is shown."""

from __future__ import annotations

import pytest

from orchestrator.analysis.wheel_side import UNKNOWN
from orchestrator.model import Proof
from tests.wheel_builder import diagnosed

STRANGERS = (UNKNOWN, UNKNOWN)
INFO = "pkg-1.0.dist-info"
HEADERS = "Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n"


@pytest.mark.parametrize(
    ("path", "first", "second"),
    [
        pytest.param(
            f"{INFO}/METADATA",
            f"{HEADERS}Summary: x\rRequires-Dist: evil\r y\n\n",
            f"{HEADERS}Summary: x Requires-Dist: evil\r y\n\n",
            id="a carriage return ends a header for the email package",
        ),
        pytest.param(
            f"{INFO}/METADATA",
            f"{HEADERS}Requires-Dist: evil\njunk\n\n",
            f"{HEADERS}junk\nRequires-Dist: evil\n\n",
            id="a line that is no header ends the headers",
        ),
        pytest.param(
            f"{INFO}/METADATA",
            f"{HEADERS}Keywords: a\u2003b\n\n",
            f"{HEADERS}Keywords: a b\n\n",
            id="white space of Unicode is no blank",
        ),
        pytest.param(
            f"{INFO}/METADATA",
            HEADERS + "Classifier: x\n" * 6000 + "Requires-Dist: evil\n\n",
            HEADERS + "Classifier: x\n" * 6000 + " Requires-Dist: evil\n\n",
            id="a blank makes a header a part of the one before",
        ),
        pytest.param(
            f"{INFO}/entry_points.txt",
            "[console_scripts]\na = p:a\n#\x0c[gui_scripts]\nb = evil:b\n",
            "[console_scripts]\na = p:a\nb = evil:b\n#\x0c[gui_scripts]\n",
            id="a form feed ends a line for importlib.metadata",
        ),
        pytest.param(
            f"{INFO}/entry_points.txt",
            "[console_scripts]\na = p:a\nb = evil:b\n",
            "[console_scripts]\na = p:a\n b = evil:b\n",
            id="a blank makes a key a part of the value before",
        ),
        pytest.param("p/a.yaml", "a:\n  b: 1\n  c: 2\n", "a:\n  b: 1\nc: 2\n", id="indentation of YAML"),
        pytest.param("p/Makefile", "a:\n\trm x\n", "a:\n    rm x\n", id="a tab of a makefile"),
        pytest.param("p/a.tsv", "a\t\tb\n", "a\tb\n", id="an empty field"),
        pytest.param(
            "p/a.ini", "[s]\nKey = safe\nkey = evil\n", "[s]\nkey = evil\nKey = safe\n", id="one key in two cases"
        ),
        pytest.param(
            "p/a.ini", "[s]\na = 1\r[t]\nb = 2\n", "[s]\nb = 2\na = 1\r[t]\n", id="a carriage return ends a line of INI"
        ),
        pytest.param(
            "p/a.ini", "[s]\n; ab\na = 1\nb = 2\n", "[s]\n; ba\nb = 2\na = 1\n", id="a comment beside another order"
        ),
        pytest.param("p/a.yaml", "1: safe\n0x1: evil\n", "0x1: evil\n1: safe\n", id="one number in two spellings"),
        pytest.param("p/a.yaml", "true: safe\nyes: evil\n", "yes: evil\ntrue: safe\n", id="one truth in two spellings"),
    ],
)
def test_a_difference_with_a_meaning_is_no_cause(path: str, first: str, second: str) -> None:
    """It stays unexplained, and looks like nothing."""
    for members in ((first, second), (second, first)):
        found = diagnosed({path: members[0].encode()}, {path: members[1].encode()}, known=STRANGERS)
        assert not found.causes
        assert all(one.first != one.second and not one.looks_like for one in found.unexplained)
        assert found.unexplained


@pytest.mark.parametrize("name", ["entry_points.txt", "direct_url.json", "METADATA"])
def test_a_file_that_is_read_is_no_license(name: str) -> None:
    """Moving it out of the folder of licenses makes it count."""
    content = b"[console_scripts]\na = p:a\n"
    found = diagnosed({f"{INFO}/licenses/{name}": content}, {f"{INFO}/{name}": content}, known=STRANGERS)
    assert not [cause for cause in found.causes if cause.proof is Proof.TRACE]
    assert {one.path for one in found.unexplained} == {f"{INFO}/licenses/{name}", f"{INFO}/{name}"}
