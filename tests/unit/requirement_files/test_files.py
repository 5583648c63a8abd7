"""What people's files ask for: each kind, with its hashes; all mistakes at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import requirement_files
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.requirement_files import Read

A, B, C = "a" * 64, "b" * 64, "c" * 64

THEIRS = Path(__file__).parents[3] / "profiles" / "securedrop" / "build-requirements.txt"

REQUIREMENTS = f"""\
# a comment
Six==1.16.0 \\
    --hash=sha256:{A} \\
    --hash=sha256:{B}
    # via something
requests>=2 ; python_version < "3"
--require-hashes
"""

SUMS = f"""\
{A}  six-1.16.0-py2.py3-none-any.whl
{B}  ./dist/six-1.16.0.tar.gz
{C} *MarkupSafe-2.0.1-cp311-cp311-linux_x86_64.whl
"""

POETRY = f"""\
[[package]]
name = "six"
version = "1.16.0"
markers = "sys_platform == \\"win32\\""
files = [
    {{file = "six-1.16.0-py2.py3-none-any.whl", hash = "sha256:{A}"}},
    {{file = "six-1.16.0.tar.gz", hash = "sha256:{B}"}},
    {{file = "six-1.16.0-py2.7.egg", hash = "sha256:{C}"}},
]

[metadata]
lock-version = "2.1"
"""

UV = f"""\
version = 1
revision = 3

[[package]]
name = "own"
source = {{ editable = "." }}
dependencies = [{{ name = "six" }}]

[[package]]
name = "six"
version = "1.16.0"
source = {{ registry = "https://index.example/simple" }}
resolution-markers = ["python_version < '3.12'", "sys_platform == 'win32'"]
sdist = {{ url = "https://files.example/71/six-1.16.0.tar.gz", hash = "sha256:{B}", size = 34041 }}
wheels = [
    {{ url = "https://files.example/d9/six-1.16.0-py2.py3-none-any.whl?a=1#b", hash = "sha256:{A}", size = 11053 }},
]
"""

PYLOCK = f"""\
lock-version = "1.0"
created-by = "a test"

[[packages]]
name = "six"
version = "1.16.0"
marker = "python_version >= '3'"
sdist = {{url = "https://files.example/six-1.16.0.tar.gz", hashes = {{sha256 = "{B}"}}}}
wheels = [{{url = "https://files.example/six-1.16.0-py2.py3-none-any.whl", hashes = {{sha256 = "{A}"}}}}]
"""


def read(folder: Path, name: str, text: str) -> Read:
    """Write a file, and read what it asks for."""
    path = folder / name
    path.write_text(text)
    return requirement_files.read(path)


def test_a_requirements_file(tmp_path: Path) -> None:
    """Its hashes are of any of a release's files; where it pins nothing, nothing is pinned."""
    found = read(tmp_path, "requirements.txt", REQUIREMENTS)

    six, requests = found.wanted
    assert found.mistakes == ()
    assert (six.requirement, six.line, six.allowed, six.own) == ("six==1.16.0", 2, (A, B), ())
    assert (requests.requirement, requests.version, requests.allowed) == ("requests>=2", "", ())
    assert requests.marker == 'python_version < "3"'


def test_hashes_of_build_requirements_are_of_their_owners_wheels(tmp_path: Path) -> None:
    """The hashes are not of an index, so the sdist need not have them."""
    found = read(tmp_path, "their-build-requirements.txt", f"six==1.16.0 --hash=sha256:{A}\n")

    (six,) = found.wanted
    assert (six.own, six.allowed) == ((A,), ())


def test_checksums(tmp_path: Path) -> None:
    """Files of one release are one: its sdist is what must be built, its wheels are what must come out."""
    six, markupsafe = read(tmp_path, "sha256sums.txt", SUMS).wanted

    assert (six.requirement, six.allowed, six.own) == ("six==1.16.0", (B,), (A,))
    assert six.wheels == (("six-1.16.0-py2.py3-none-any.whl", A),)
    assert (markupsafe.requirement, markupsafe.allowed, markupsafe.own) == ("markupsafe==2.0.1", (), (C,))


@pytest.mark.parametrize(("name", "text"), [("poetry.lock", POETRY), ("uv.lock", UV), ("pylock.toml", PYLOCK)])
def test_locks(tmp_path: Path, name: str, text: str) -> None:
    """Their hashes are those of the index, of each file."""
    (six,) = read(tmp_path, name, text).wanted

    assert (six.requirement, six.allowed, six.own) == ("six==1.16.0", (B,), ())
    assert six.wheels == (("six-1.16.0-py2.py3-none-any.whl", A),)
    assert six.marker
    assert six.line


def test_a_release_of_a_uv_lock_that_has_no_sdist_or_lies_in_a_local_index(tmp_path: Path) -> None:
    """The hashes of its wheels remain; its files have paths in place of URLs."""
    text = "\n".join(line for line in UV.splitlines() if not line.startswith("sdist"))
    (six,) = read(tmp_path, "uv.lock", text.replace('url = "https://files.example/d9/', 'path = "wheels/')).wanted

    assert (six.allowed, six.wheels) == ((), (("six-1.16.0-py2.py3-none-any.whl", A),))


def test_forks_of_a_uv_lock_are_each_for_any_of_their_markers(tmp_path: Path) -> None:
    """Without a fork, a release is for everybody."""
    (six,) = read(tmp_path, "uv.lock", UV).wanted
    (plain,) = read(tmp_path, "uv.lock", UV.replace("resolution-markers", "x")).wanted

    assert six.marker == "(python_version < '3.12') or (sys_platform == 'win32')"
    assert plain.marker == ""


@pytest.mark.parametrize(
    ("name", "text", "line", "words"),
    [
        ("r.txt", "six==1 --hash=sha256:zz", 1, "the hash 'sha256:zz' of six"),
        ("r.txt", "six==1 --hash=md5:d41d8cd98f00b204e9800998ecf8427e", 1, "write sha256:"),
        ("r.txt", f"six==1 --hash=sha512:{A}{B}", 1, "no hash of six is a SHA-256"),
        ("r.txt", f"six>=1 --hash=sha256:{A}", 1, "has hashes, but no pinned version"),
        ("r.txt", "\n-r other.txt", 2, "names another file"),
        ("r.txt", "--index-url https://index.example/", 1, "names an index"),
        ("r.txt", "-e .", 1, "names no release"),
        ("r.txt", "six @ https://files.example/six.whl", 1, "names a URL"),
        ("r.txt", "what is this", 1, "is not a requirement"),
        ("r.txt", "six==1\nSix==2", 2, "six is listed twice, here and in line 1"),
        ("sums", f"{A}  six-1.0.tar.gz\nnothing", 2, "is not a line of sha256sum"),
        ("sums", f"{A}  notes.txt", 1, "is the name of neither a wheel nor an sdist"),
        ("sums", f"{A}  six-1.0.tar.gz\n{B}  six-1.0.tar.gz", 2, "is listed twice, with different hashes"),
        ("poetry.lock", "package = [", 0, "not valid TOML"),
        ("poetry.lock", "x = 1", 0, "neither a poetry.lock"),
        ("poetry.lock", '[[package]]\nname = "six"', 1, "no name, or no version"),
        ("poetry.lock", '[[package]]\nname = "six"\nversion = "1"', 1, "no list of files"),
        ("poetry.lock", POETRY.replace("sha256:", "md5:"), 1, "no hash that begins with sha256:"),
        ("poetry.lock", POETRY.replace(f"sha256:{A}", "sha256:a"), 1, "has no SHA-256"),
        ("uv.lock", UV.replace("version = 1\n", "version = 2\n", 1), 0, "of uv.lock, version 1 is read"),
        ("uv.lock", UV.replace("registry = ", "git = "), 9, "a source of the kind 'git'"),
        ("uv.lock", UV.replace("{ registry = ", "[").replace('simple" }', 'simple"]'), 9, "a source of the kind"),
        ("uv.lock", UV.replace("wheels = [", "wheels = 1\nx = ["), 9, "no list of wheels"),
        ("uv.lock", UV.replace("url", "x"), 9, "no URL, and no path"),
        ("uv.lock", UV.replace("https://files.example/d9", "https://[a"), 9, "an invalid URL"),
        ("uv.lock", UV.replace("sha256:", "md5:"), 9, "no hash that begins with sha256:"),
        ("pylock.toml", 'lock-version = "9.0"', 0, "not a pylock.toml"),
        ("pylock.toml", PYLOCK.replace('version = "1.16.0"\n', ""), 4, "is not a release of an index"),
    ],
)
def test_mistakes_have_their_place(tmp_path: Path, name: str, text: str, line: int, words: str) -> None:
    """Each is reported with its line, and with what to do."""
    (mistake,) = read(tmp_path, name, text).mistakes

    assert words in mistake.what
    assert mistake.line == line or (line == 0 and "line" in mistake.what)


def test_all_mistakes_of_all_files_are_reported_at_once(tmp_path: Path) -> None:
    """No file is read in part."""
    first, second = tmp_path / "one.txt", tmp_path / "other.txt"
    first.write_text("-e .\nsix==1\nwhat is this\n")

    with pytest.raises(UsageError) as raised:
        requirement_files.read_all([first, second], requirement_files.read)

    assert "3 mistakes" in str(raised.value)
    assert f"{first}:1: " in str(raised.value)
    assert f"{first}:3: " in str(raised.value)
    assert f"{second}: cannot be read" in str(raised.value)


def test_all_tools_of_our_profile_are_read() -> None:
    """There are nine, each with the hash of one wheel."""
    content = requirement_files.read(THEIRS)

    assert content.mistakes == ()
    assert len(content.wanted) == 9
    assert all(len(entry.own) == 1 for entry in content.wanted)


@given(
    text=st.text(max_size=300),
    name=st.sampled_from(["r.txt", "poetry.lock", "uv.lock", "pylock.toml", "sha256sums.txt"]),
)
def test_any_text_is_read_or_reported(tmp_path_factory: pytest.TempPathFactory, text: str, name: str) -> None:
    """Whatever a file contains, reading it raises nothing."""
    path = tmp_path_factory.getbasetemp() / name
    path.write_text(text, encoding="utf-8", errors="replace", newline="")

    content = requirement_files.read(path)

    assert all(entry.project == entry.project.lower() for entry in content.wanted)
    assert all(mistake.what for mistake in content.mistakes)
