"""Switches are read from build files as real ones are written, and hostile files end nothing."""

from __future__ import annotations

import time

import pytest

from orchestrator.analysis.clues.switches import MOST_SWITCHES, is_build_file, switches
from orchestrator.model.names import may_be_set

_BEGIN = "import os\nfrom os import environ, getenv\nfrom helpers import boolean\n"


def _read(text: str, path: str = "setup.py") -> tuple[tuple[str, str], ...]:
    return switches([(path, text.encode())])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('if os.environ.get("BUILD_EXTENSION") == "no": modules = []', "BUILD_EXTENSION=no"),
        ('optional = os.environ.get("BUILD_EXTENSION") != "yes"', ""),
        ('native = os.getenv("PKG_DISABLE_EXTENSION", None) is None', "PKG_DISABLE_EXTENSION=1"),
        ('off = bool(os.environ.get("DISABLE_PKG_CEXT"))', "DISABLE_PKG_CEXT=1"),
        ('must = bool(os.environ.get("REQUIRE_PKG_CEXT"))', ""),
        ('told = os.environ.get("PKG_EXT")\nif told is not None:\n off = told.lower() == "false"', "PKG_EXT=false"),
        ('if environ.get("PKG_EXTENSION") != "0": pass', "PKG_EXTENSION=0"),
        ('if "PKG_PUREPYTHON" in os.environ: pass', "PKG_PUREPYTHON=1"),
        ('if not getenv("PKG_NO_SPEEDUPS", "").lower() in ("true", "yes"): pass', "PKG_NO_SPEEDUPS=true"),
        ('off = os.environ["PKG_SKIP_CYTHON"] not in {"0", ""}', "PKG_SKIP_CYTHON=1"),
        ('on = int(os.environ.get("PKG_WITH_CYTHON", "1"))', "PKG_WITH_CYTHON=0"),
        ('on = os.environ.get("PKG_WITH_CYTHON", "1")\nif on: pass', "PKG_WITH_CYTHON="),
        ('on = os.environ.get("PKG_USE_MYPYC", "1") == "1"', "PKG_USE_MYPYC=0"),
        ('on = os.environ.get("PKG_USE_MYPYC") == "1"', ""),
        ('VARIABLE = "PKG_NO_EXTENSIONS"\noff = boolean(os.environ, VARIABLE)', "PKG_NO_EXTENSIONS=1"),
        ('VARIABLE = "PKG_EXT"\non = os.environ.get(VARIABLE, "yes") not in ("no", "off")', "PKG_EXT=no"),
        ('if (how := os.environ.get("PKG_BACKEND", "c")) == "python": pass', "PKG_BACKEND=python"),
        ('if os.environ.get("PKG_EXTRA_LIST") == "0": pass', ""),
        ('debug = os.environ.get("PKG_CYTHON_TRACE", "0") == "0"', ""),
        ('print "old"\nif os.environ.get("PKG_CEXT") == "off": pass', "PKG_CEXT=off"),
        ('print "old"\nif os.getenv("WITHOUT_CEXTENSIONS"): pass', "WITHOUT_CEXTENSIONS=1"),
    ],
)  # fmt: skip
def test_a_switch_has_the_value_that_is_compared(text: str, expected: str) -> None:
    """Or the one that is true, or false, where it is read."""
    assert ", ".join(f"{name}={value}" for name, value in _read(_BEGIN + text)) == expected


def test_the_clearest_come_first() -> None:
    """What only sounds like a switch is last; their number is bounded."""
    lines = ['a = os.environ.get("PKG_SKIP_LONG_TEXT")', 'b = os.environ.get("PKG_NO_EXT")']
    assert [name for name, _ in _read(_BEGIN + "\n".join(lines))] == ["PKG_NO_EXT", "PKG_SKIP_LONG_TEXT"]
    many = "\n".join(f'os.environ.get("PKG_NO_EXT_{number}")' for number in range(500))
    assert len(_read(_BEGIN + many)) == MOST_SWITCHES


def test_other_files_than_modules_name_variables() -> None:
    """Such as the settings of cibuildwheel; a module that reads no variable names none."""
    assert _read('[tool.x.environment]\nPKG_NO_EXTENSIONS = "1"\n', "pyproject.toml") == (("PKG_NO_EXTENSIONS", "1"),)
    assert _read('names = ["PKG_NO_EXTENSIONS"]\n') == ()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("setup.py", True),
        ("hatch_build.py", True),
        ("pyproject.toml", True),
        ("packaging/pep517_backend/_backend.py", True),
        ("src/pkg/build_ext.py", True),
        ("src/pkg/core.py", False),
        ("docs/conf_build.py", False),
        ("tests/test_setup.py", False),
        ("a/b/c/setup.py", False),
    ],
)
def test_build_files_are_known_by_their_paths(path: str, expected: bool) -> None:  # noqa: FBT001 - a case
    """Others are not read."""
    assert is_build_file(path) is expected


_READ = 'os.environ.get("PKG_NO_EXT")'


@pytest.mark.parametrize(
    "text",
    [
        "(" * 60_000,
        "-" * 60_000 + "1",
        "a" + ".b" * 30_000,
        "1" + "+1" * 30_000,
        "a" + "()" * 30_000,
        "if 1: pass\n" + "elif 1: pass\n" * 4_000,
        "\0",
        _READ + " == " + "9" * 5_000,
        _READ + ".lower()" * 5_000 + ' == "1"',
        "environ" * 9_000,
        "environ [ " * 6_000,
        "getenv" + " " * 60_000,
        "A_" * 30_000 + "=",
        "if " + "x == " * 12_000 + _READ + ": pass",
        f"a = {_READ}\n" * 2_000 + "a == a\n" * 2_000,
        "a = " + "a == " * 3_000 + "a\n",
    ],
    ids=range(16),
)
@pytest.mark.parametrize("path", ["setup.py", "setup.cfg"])
def test_a_hostile_file_ends_soon(path: str, text: str) -> None:
    """Whatever it nests or repeats; what it names is bounded."""
    begun = time.process_time()
    found = _read(f"environ\n{text}", path)
    assert time.process_time() - begun < 5
    assert set(found) <= {("PKG_NO_EXT", "1")}


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "LD_PRELOAD",
        "LD_LIBRARY_NO_EXT",
        "PYTHONPATH",
        "PYTHON_NO_EXT",
        "CC",
        "CFLAGS",
        "NO_EXT_CFLAGS",
        "HOME",
        "BASH_ENV",
        "PS4",
        "IFS",
        "PIP_NO_BINARY",
        "SOURCE_DATE_EPOCH",
        "HTTPS_PROXY",
        "PKG_NO_EXT\nPATH",
        "PKG_NO_EXT=1",
        "pkg_no_ext",
        "PKG_NO_EXT_" + "X" * 60,
        "$(id)",
        "",
    ],
)
def test_a_variable_by_which_tools_find_their_way_is_never_set(name: str) -> None:
    """Although a hostile file reads it, by whatever form."""
    assert not may_be_set(name, "1")
    for text in (
        f"os.environ.get({name!r}) == '0'",
        f"NO_EXT = {name!r}\ngetenv(NO_EXT)",
        f"print 1\ngetenv({name!r})",
    ):
        assert _read(_BEGIN + text) == ()


@pytest.mark.parametrize("value", ["a b", "$(id)", "`id`", '"', "\n", "\\", "1" * 33, "é"])
def test_a_value_is_short_and_plain(value: str) -> None:
    """No shell takes any of it for its own."""
    assert not may_be_set("PKG_NO_EXT", value)
