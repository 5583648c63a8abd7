"""Any input at a border gives only documented results."""

from __future__ import annotations

import gzip
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestrator import config, requirement_files
from orchestrator.analysis import wheel
from orchestrator.analysis.failure_signs import explain
from orchestrator.build_requirements.markers import applies, unmet
from orchestrator.errors import ConfigError
from orchestrator.model import Failure, Limits, Target, Wheel, WheelFile, admits
from orchestrator.sources import index_pages, sdist
from orchestrator.sources.sdist import Source
from tests.loopback_index import sdist as made_sdist
from tests.loopback_index import wheel as made_wheel

LIMITS = Limits(sdist=1 << 24, wheel=1 << 24, members=1000)
TARGET = Target("3.11", "x86_64-manylinux_2_36")
NAME = "x-1.0-py3-none-any.whl"
PYPROJECT = b'[build-system]\nrequires = ["setuptools"]\nbuild-backend = "a.b"\nbackend-path = ["."]\n'
SDIST = gzip.decompress(made_sdist("x", "1.0", {"pyproject.toml": PYPROJECT}))
WHEEL = made_wheel("x", "1.0", {"x/a.py": b"1"}, requires=("six",))
DIGITS = "9" * 5000

often = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
words = st.text(st.characters(), max_size=60)
numbers = st.sampled_from(["1", "0", DIGITS, "-1", "1e999", "NaN"])
texts = st.lists(
    st.one_of(
        words,
        numbers,
        st.sampled_from(
            ["six", "==", ">=", "; ", "python_version", " < ", "'", '"', "[", "]", "{", "}", "[[package]]\n", "\n",
             ": ", "name = ", "version = ", "files = ", "build-system", ".", "- ", "&a ", "*a", "!!", " @ http://[",
             "\\\n", "--hash=sha256:", "a" * 64, "-r ", "-e ", "lock-version = '1.0'\n",
             "groups:", "packages:", "images:"]
        ),
    ),
    max_size=14,
).map("".join)  # fmt: skip


def mutated(whole: bytes) -> st.SearchStrategy[bytes]:
    """Return bytes in which some have changed, or that end early, or go on."""
    changes = st.lists(st.tuples(st.integers(0, len(whole) - 1), st.binary(min_size=1, max_size=8)), max_size=6)

    def change(found: tuple[list[tuple[int, bytes]], int]) -> bytes:
        data = bytearray(whole)
        for at, piece in found[0]:
            data[at : at + len(piece)] = piece
        return bytes(data[: found[1]])

    return st.tuples(changes, st.integers(0, len(whole) + 1)).map(change)


def written(name: str, content: bytes) -> Path:
    """Write a file into a folder that stays until the end of the tests."""
    path = Path(tempfile.mkdtemp(dir=_FOLDER.name)) / name
    path.write_bytes(content)
    return path


_FOLDER = tempfile.TemporaryDirectory()


@often
@given(st.one_of(st.binary(max_size=2000), mutated(SDIST), mutated(gzip.compress(SDIST)), mutated(WHEEL)))
@pytest.mark.parametrize("name", ["x-1.0.tar.gz", "x-1.0.zip"])
def test_an_sdist(name: str, content: bytes) -> None:
    """It is described, or is a failure of the package."""
    assert isinstance(sdist.describe(written(name, content), LIMITS), Source | Failure)


@often
@given(texts)
@example(f'[build-system]\nrequires = ["setuptools >= {DIGITS}"]\n')
@example(f"x = {DIGITS}\n")
def test_a_pyproject(text: str) -> None:
    """It is read, or is a failure of the package; a folder has a name in any case."""
    content = text.encode("utf-8", "surrogatepass")
    path = written("x-1.0.tar.gz", made_sdist("x", "1.0", {"pyproject.toml": content}))
    assert isinstance(sdist.describe(path, LIMITS), Source | Failure)
    assert sdist.project_of(written("pyproject.toml", content).parent)


@often
@given(st.one_of(st.binary(max_size=2000), mutated(WHEEL)))
def test_a_wheel(content: bytes) -> None:
    """It is read, or is a failure of the package; what it requires is text."""
    path = written(NAME, content)
    claimed = WheelFile(NAME, "", len(content))
    assert isinstance(wheel.read(path, claimed, LIMITS.wheel, LIMITS.members), Wheel | Failure)
    assert all(isinstance(one, str) for one in wheel.requires(path))


@often
@given(texts)
@example(f"six>={DIGITS}")
@example(f"six; python_version < '{DIGITS}'")
def test_a_requirement(text: str) -> None:
    """It is met, or not; nothing else."""
    unmet((text,), {"six": "1.16.0"}, TARGET)
    applies(text, TARGET)
    admits(text, "3.11")


@often
@given(st.one_of(st.binary(max_size=500), texts.map(lambda text: text.encode("utf-8", "surrogatepass"))))
@example(b'<a href="http://[">six-1.0.tar.gz</a>')
@example(b'<base href="http://["><a href="x">six-1.0.tar.gz</a>')
@example(b'{"meta": {"api-version": "1.0"}, "name": "six", "files": [{"filename": "", "url": "", "hashes": {}}]}')
@pytest.mark.parametrize("kind", ["text/html", "application/vnd.pypi.simple.v1+json"])
@pytest.mark.parametrize("encoding", [None, "utf-16", "zlib", "no such"])
def test_a_page_of_an_index(kind: str, encoding: str | None, content: bytes) -> None:
    """It has editions, or is no page."""
    found = index_pages.read(written("page", content), "six", kind, "http://localhost/simple/six/", encoding)
    assert isinstance(found, tuple | str)


@often
@given(texts)
@pytest.mark.parametrize(
    "name", ["poetry.lock", "uv.lock", "pylock.toml", "pyproject.toml", "requirements.txt", "SHA256SUMS"]
)
def test_a_file_of_what_is_wanted(name: str, text: str) -> None:
    """It is read, or its mistakes are reported."""
    assert isinstance(
        requirement_files.read(written(name, text.encode("utf-8", "surrogatepass"))), requirement_files.Read
    )


@often
@given(texts)
def test_a_configuration(text: str) -> None:
    """It is read, or its mistakes are one error."""
    path = written("config.yaml", text.encode("utf-8", "surrogatepass"))
    with suppress(ConfigError):
        assert config.load(path, variations=("umask",), images=("bookworm",)) is not None


@often
@given(texts)
def test_a_log(text: str) -> None:
    """It has a reason in any case, and evidence that is one line."""
    assert "\n" not in explain(text).evidence
