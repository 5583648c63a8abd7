"""Which lines of a dist-info folder differ because of a backend alone, and which change what a wheel says."""

from __future__ import annotations

import pytest

from orchestrator.analysis import dist_info
from orchestrator.analysis.dist_info import Given, lines

INFO = "pkg-1.0.dist-info/"
HEAD = "Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n"
OTHER = Given(frozenset({"licenses/LICENSE", "NOTICE"}), (("setuptools (80.9.0)",), ("setuptools (75.0.0)",)))


def causes(name: str, published: str, ours: str, given: Given = OTHER) -> list[str]:
    """Return the cause of each line that differs, and check that the other direction gives the same."""
    found = [line.cause for line in lines(INFO + name, published.encode(), ours.encode(), given)]
    back = [line.cause for line in lines(INFO + name, ours.encode(), published.encode(), given)]
    assert sorted(found) == sorted(back)
    return found


def test_lines_of_windows_have_a_cause() -> None:
    """CR LF says the same as LF; what differs besides is shown apart, and a bare CR is no line's end."""
    assert causes("METADATA", HEAD.replace("\n", "\r\n"), HEAD) == ["line-ends"]
    both = HEAD.replace("\n", "\r\n") + "Summary: one\r\n", HEAD + "Summary: two\n"
    assert causes("METADATA", *both) == ["line-ends", ""]
    assert "" in causes("METADATA", HEAD + "Summary: a\rRequires-Dist: b\n", HEAD + "Summary: a\nRequires-Dist: b\n")


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        ("Metadata-Version: 2.4\n", "Metadata-Version: 2.1\n"),
        ("Requires-Dist: a (>=1)\n", "Requires-Dist: a>=1\n"),
        ("Requires-Dist: a ; extra == 'x'\n", 'Requires-Dist: a; extra == "x"\n'),
        ("Requires-Python: >=3.8, !=3.9\n", "Requires-Python: !=3.9,>=3.8\n"),
        ("Platform: UNKNOWN\n", ""),
        ("License: UNKNOWN\n", ""),
        ("License: MIT\n", "License-Expression: MIT\n"),
        ("Dynamic: license-file\n", ""),
        ("Dynamic: summary\nDynamic: author\n", ""),
        ("Dynamic: summary\n", "Dynamic: author\n"),
        ("License-File: LICENSE\n", ""),
        ("License-File: LICENSE\n", "License-File: NOTICE\n"),
        ("License-File: NOTICE\n", ""),
        ("Classifier: A\nClassifier: B\n", "Classifier: B\nClassifier: A\n"),
        ("Keywords: a b\n", "Keywords: a,b\n"),
        ("Keywords: a,b\n", "Keywords: b,a\n"),
        ("Summary: long\n        text\n", "Summary: long text\n"),
        ("Home-page: https://a.example\n", "Project-URL: Homepage, https://a.example\n"),
        ("Home-page: https://a.example\nProject-URL: home page, https://a.example\n",
         "Project-URL: home page, https://a.example\n"),
        ("Download-URL: https://a.example\n", "Project-URL: Download, https://a.example\n"),
        ("Author: A\nAuthor-email: a@b.example\n", "Author-email: A <a@b.example>\n"),
        ("Author: A\nAuthor-email: A <a@b.example>\n", "Author-email: A <a@b.example>\n"),
        ("Maintainer: A\nMaintainer-email: a@b.example\n", 'Maintainer-email: "A" <a@b.example>\n'),
    ],
)  # fmt: skip
def test_the_same_information_has_a_cause(published: str, ours: str) -> None:
    """Lines that two backends write differently, with equal information."""
    found = causes("METADATA", HEAD + published, HEAD + ours)
    assert found
    assert all(found)


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        ("Requires-Dist: a>=1\n", "Requires-Dist: a>=2\n"),
        ("Requires-Dist: a\n", ""),
        ("Requires-Dist: a ; extra == 'x'\n", "Requires-Dist: a\n"),
        ("Requires-Dist: a @ https://evil.example/a.whl\n", "Requires-Dist: a\n"),
        ("Requires-Python: >=3.8\n", ""),
        ("Provides-Extra: x\n", ""),
        ("Name: other\n", ""),
        ("Version: 2.0\n", ""),
        ("Summary: one\n", "Summary: two\n"),
        ("Summary: one\n", ""),
        ("License: MIT\n", "License-Expression: BSD-3-Clause\n"),
        ("License: MIT\n", ""),
        ("License-File: unknown\n", ""),
        ("License-File: unknown\n", "License-File: NOTICE\n"),
        ("Classifier: A\n", ""),
        ("Keywords: a,b\n", "Keywords: a,c\n"),
        ("Home-page: https://a.example\n", "Project-URL: Homepage, https://b.example\n"),
        ("Home-page: https://a.example\n", "Project-URL: Documentation, https://a.example\n"),
        ("Home-page: https://a.example\n", ""),
        ("Project-URL: Funding, https://a.example\n", ""),
        ("Author: A\nAuthor-email: a@b.example\n", "Author-email: B <a@b.example>\n"),
        ("Author: A\nAuthor-email: a@b.example\n", "Author-email: A <a@c.example>\n"),
        ("Author: A\n", ""),
        ("Author: A, B\nAuthor-email: a@c.example, b@c.example\n", "Author-email: B <a@c.example>, A <b@c.example>\n"),
        ("Author: A\nAuthor-email: a@b.example (B)\n", "Author-email: A <a@b.example>\n"),
        ("Author: A\nAuthor-email: a@b.example <b@b.example>\n", "Author-email: A <b@b.example>\n"),
        ("Author: A\nAuthor-email: <<\n", "Author: A\nAuthor-email: <<<\n"),
        ("\nRequires-Dist: a\n", "Requires-Dist: a\n"),
        ("no header\nRequires-Dist: a\n", "no header\n\nRequires-Dist: a\n"),
        ("no header\n\nRequires-Dist: a\n", "no header\nRequires-Dist: a\n"),
        ("Obsoletes-Dist: a\n", ""),
        ("Unknown-Field: a\n", ""),
        ("Summary: a\rRequires-Dist: b\n", "Summary: a Requires-Dist: b\n"),
    ],
)
def test_other_information_has_none(published: str, ours: str) -> None:
    """Lines that change what an installer or a reader learns, another backend or not."""
    assert not all(causes("METADATA", HEAD + published, HEAD + ours))


@pytest.mark.parametrize(
    ("published", "ours", "same"),
    [
        ("\ntext\n", "\ntext\n\n\n", True),
        ("\ntext\n", "\n\ntext", True),
        ("\nUNKNOWN\n", "", True),
        ("\ntext\n", "\ntexts\n", False),
        ("\none\n\ntwo\n", "\none\ntwo\n", False),
        ("\ntext\n", "", False),
        ("\n    code\n", "\ncode\n", False),
    ],
)
def test_descriptions(published: str, ours: str, *, same: bool) -> None:
    """Only blank lines around a description, and UNKNOWN, are a backend's."""
    assert all(causes("METADATA", HEAD + published, HEAD + ours)) is same


def test_the_same_backend_excuses_less() -> None:
    """A line of `Dynamic` needs another backend, or another version of the metadata."""
    same = Given()
    assert causes("METADATA", HEAD + "Dynamic: license-file\n", HEAD, same) == [""]
    newer = HEAD.replace("2.1", "2.4") + "Dynamic: license-file\n"
    assert all(causes("METADATA", newer, HEAD, same))


WHEEL = (
    "Wheel-Version: 1.0\nGenerator: setuptools (80.9.0)\nRoot-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\n"
)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("setuptools (80.9.0)", "bdist_wheel (0.37.1)", True),
        ("Tag: py2-none-any\nTag: py3-none-any", "Tag: py2.py3-none-any", True),
        ("Tag: py2-none-any\nTag: py3-none-any", "Tag: py3-none-any\nTag: py2-none-any", True),
        ("\nTag: py3-none-any\n", "\nTag: py3-none-any\n\n", True),
        ("Tag: py2-none-any\n", "", False),
        ("Root-Is-Purelib: true", "Root-Is-Purelib: false", False),
        ("Wheel-Version: 1.0", "Wheel-Version: 2.0", False),
        ("Tag: py2-none-any\n", "Tag: py2-none-any\nBuild: 1\n", False),
    ],
)
def test_wheel(old: str, new: str, *, same: bool) -> None:
    """The generator, and two spellings of the same tags."""
    assert old in WHEEL
    assert all(causes("WHEEL", WHEEL, WHEEL.replace(old, new, 1))) is same


ENTRIES = "[console_scripts]\na = pkg:a\nb = pkg:b\n\n[group]\nc = pkg:c\n"


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("a = pkg:a\nb = pkg:b", "b = pkg:b\na = pkg:a", True),
        ("a = pkg:a", "a=pkg:a", True),
        ("c = pkg:c\n", "c = pkg:c\n\n", True),
        ("\n\n[group]", "\n[group]", True),
        ("a = pkg:a", "a = pkg:b", False),
        ("a = pkg:a\n", "", False),
        ("a = pkg:a", "a2 = pkg:a", False),
        ("[group]\nc = pkg:c\n", "[group]\n", False),
        ("[group]", "[other]", False),
        ("\n\n[group]\nc = pkg:c", "\nc = pkg:c\n\n[group]", False),
    ],
)
def test_entry_points(old: str, new: str, *, same: bool) -> None:
    """Order, blanks around the sign and empty lines have no meaning; all else has."""
    assert old in ENTRIES
    assert all(causes("entry_points.txt", ENTRIES, ENTRIES.replace(old, new, 1))) is same


def test_other_files_have_no_cause() -> None:
    """No backend is known to write them differently."""
    assert causes("licenses/LICENSE", "a\n", "b\n") == [""]
    assert causes("METADATA", HEAD, "\0") != []
    assert not all(causes("METADATA", HEAD, "\0"))


def test_lines_are_printable_and_bounded() -> None:
    """Texts of a package change no terminal, and a file of many lines gives few; one without a cause is among them."""
    many = HEAD + "".join(f"Requires-Dist: a{number} (>=1)\n" for number in range(450))
    found = lines(
        INFO + "METADATA", many.replace(" (>=1)", ">=1").encode() + b"Summary: \x1b[2J\n", many.encode(), OTHER
    )
    assert len(found) <= 200
    assert not all(line.cause for line in found)
    assert "\x1b" not in "".join(line.published + line.ours for line in found)


def test_generators_are_read() -> None:
    """Both lines of a repaired wheel count."""
    assert dist_info.generators(b"Generator: a\nGenerator: b\n\nGenerator: c\n") == ("a", "b")
