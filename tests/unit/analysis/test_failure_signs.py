"""Why a build failed: ends of real logs, misleading noise, and hostile text."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from orchestrator.analysis import failure_signs
from orchestrator.analysis.failure_signs import (
    EVIDENCE,
    SIGNS,
    Explanation,
    Sign,
    explain,
    of_limit,
    printable,
    with_evidence,
)
from orchestrator.model import LIMIT_REASONS, Failure, Limits, Missing, Phase, Reason, Want

LOGS = Path(__file__).parents[2] / "logs"
"""The ends of logs of real builds on bookworm."""

TMP = "/tmp"  # noqa: S108 - of a container
RUST = (Missing(Want.TOOL, "rustc"), Missing(Want.TOOL, "cargo"))
GCC = "x86_64-linux-gnu-gcc -O2 -fPIC -I/usr/include/python3.11 -c src/foo.c -o build/temp/src/foo.o\n"
SETUPTOOLS = "running bdist_wheel\nrunning build\nrunning build_ext\nbuilding 'foo' extension\n" + GCC
FAILED = "the build backend called sys.exit(\"error: command '/usr/bin/gcc' failed with exit code 1\")\n"
NO_PORTAUDIO = """\
src/foo.c:9:10: fatal error: portaudio.h: No such file or directory
    9 | #include "portaudio.h"
      |          ^~~~~~~~~~~~~
compilation terminated.
"""
TRACEBACK = 'Traceback (most recent call last):\n  File "<string>", line 80, in <module>\n'


def missing(want: Want, *names: str) -> tuple[Missing, ...]:
    """Name things of one kind."""
    return tuple(Missing(want, name) for name in names)


@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: sign.slug)
def test_each_sign_is_seen_in_its_example(sign: Sign) -> None:
    """In a log with only that line, it decides; and it names the missing thing."""
    found = explain(f"running build\nall went well until now\n{sign.example}\n")
    assert (found.sign, found.reason) == (sign.slug, sign.reason)
    assert found.evidence in " ".join(sign.example.split())
    assert {one.want for one in found.missing} >= set(sign.wants)


def test_an_exception_without_a_message_is_a_sign_too() -> None:
    """Its name is the whole line."""
    assert explain(TRACEBACK + "some.module.OwnException\n").evidence == "some.module.OwnException"


def test_slugs_are_unique() -> None:
    """Each sign is identified by its slug."""
    assert len({sign.slug for sign in SIGNS}) == len(SIGNS)


PKG_CONFIG = Missing(Want.TOOL, "pkg-config")
HEADER, TOOL, ASKED, DEPENDENCY = Want.HEADER, Want.TOOL, Want.PKG_CONFIG, Want.DEPENDENCY

REAL = (
    ("av", Reason.MISSING_TOOL, (PKG_CONFIG,)),
    ("bcrypt", Reason.NEEDS_RUST, RUST),
    ("cryptography", Reason.NEEDS_RUST, RUST),  # it asks the network for a compiler, since there is none
    ("dbus-python", Reason.MISSING_TOOL, (PKG_CONFIG, Missing(ASKED, "dbus-1"))),
    ("fiona", Reason.MISSING_TOOL, missing(TOOL, "gdal-config")),
    ("gssapi", Reason.MISSING_TOOL, missing(TOOL, "krb5-config")),
    ("h5py", Reason.MISSING_TOOL, (PKG_CONFIG,)),
    ("libvirt-python", Reason.MISSING_TOOL, (PKG_CONFIG,)),
    ("lxml", Reason.MISSING_LIBRARY, missing(DEPENDENCY, "libxml2", "libxslt")),
    ("m2crypto", Reason.MISSING_TOOL, missing(TOOL, "swig")),
    ("mod-wsgi", Reason.MISSING_TOOL, missing(TOOL, "apxs")),
    (
        "mysqlclient",
        Reason.MISSING_TOOL,
        (PKG_CONFIG, *missing(ASKED, "mysqlclient", "mariadb", "libmariadb", "perconaserverclient")),
    ),
    ("netcdf4", Reason.MISSING_HEADER, missing(DEPENDENCY, "netCDF")),
    ("pillow", Reason.MISSING_HEADER, missing(DEPENDENCY, "jpeg")),
    ("psycopg-c", Reason.MISSING_TOOL, missing(TOOL, "pg_config")),
    ("psycopg2", Reason.MISSING_TOOL, missing(TOOL, "pg_config")),
    ("pyaudio", Reason.MISSING_HEADER, missing(HEADER, "portaudio.h")),
    ("pycairo", Reason.MISSING_TOOL, (PKG_CONFIG, Missing(ASKED, "cairo"))),
    ("pycurl", Reason.MISSING_TOOL, missing(TOOL, "curl-config")),
    ("pygraphviz", Reason.MISSING_TOOL, missing(TOOL, "dot")),
    ("pyicu", Reason.MISSING_TOOL, missing(TOOL, "icu-config", "pkg-config")),
    ("pykerberos", Reason.MISSING_HEADER, missing(HEADER, "gssapi/gssapi.h")),
    ("pylibmc", Reason.MISSING_HEADER, missing(HEADER, "libmemcached/memcached.h")),
    ("pymssql", Reason.MISSING_HEADER, missing(HEADER, "sqlfront.h")),
    ("pyodbc", Reason.MISSING_HEADER, missing(HEADER, "sql.h")),
    ("pyqt5", Reason.MISSING_TOOL, missing(TOOL, "qmake")),
    ("pyscard", Reason.MISSING_HEADER, missing(HEADER, "winscard.h")),
    ("pysqlcipher3", Reason.MISSING_HEADER, missing(HEADER, "sqlcipher/sqlite3.h")),
    ("python-ldap", Reason.MISSING_HEADER, missing(HEADER, "lber.h")),
    ("python-prctl", Reason.MISSING_HEADER, missing(DEPENDENCY, "libcap")),
    ("pyzmq", Reason.NEEDS_NETWORK, ()),
    ("rasterio", Reason.MISSING_TOOL, missing(TOOL, "gdal-config")),
    ("scipy", Reason.MISSING_TOOL, missing(TOOL, "gfortran")),
    ("shapely", Reason.MISSING_TOOL, (PKG_CONFIG, Missing(ASKED, "geos"))),
    ("tokenizers", Reason.NEEDS_RUST, RUST),
    ("xmlsec", Reason.MISSING_TOOL, (PKG_CONFIG,)),
    # Small packages, each made to fail in one way; without a network, and with git where the name says so.
    ("apt-prompt", Reason.NEEDS_ANSWER, ()),
    ("cmake-fetch", Reason.NEEDS_NETWORK, ()),
    ("cmake-fetch-with-git", Reason.NEEDS_NETWORK, ()),
    ("cmake-git", Reason.MISSING_TOOL, (Missing(Want.TOOL, "git"),)),
    ("cmake-python", Reason.WRONG_PYTHON, ()),
    ("cmake-submodule", Reason.MISSING_FILE, ()),
    ("collections-mapping", Reason.WRONG_PYTHON, ()),
    ("compression-zstd", Reason.WRONG_PYTHON, ()),
    ("cython-error", Reason.BUILD_ERROR, ()),
    ("dunamai", Reason.NEEDS_CHECKOUT, ()),
    ("dunamai-with-git", Reason.NEEDS_CHECKOUT, ()),
    ("except-star", Reason.WRONG_PYTHON, ()),
    ("fstring-312", Reason.WRONG_PYTHON, ()),
    ("getpass", Reason.NEEDS_ANSWER, ()),
    ("git-describe", Reason.NEEDS_CHECKOUT, ()),
    ("git-describe-with-git", Reason.NEEDS_CHECKOUT, ()),
    ("git-fallback-then-header", Reason.MISSING_HEADER, (Missing(Want.HEADER, "zstd.h"),)),
    ("git-run-check", Reason.NEEDS_CHECKOUT, ()),
    ("git-shell-true", Reason.NEEDS_CHECKOUT, ()),
    ("git-submodule-with-git", Reason.NEEDS_CHECKOUT, ()),
    ("gitpython", Reason.NEEDS_CHECKOUT, ()),
    ("gitpython-with-git", Reason.NEEDS_CHECKOUT, ()),
    ("hatch-vcs", Reason.NEEDS_CHECKOUT, ()),
    ("hg-id", Reason.NEEDS_CHECKOUT, ()),
    ("inspect-getargspec", Reason.WRONG_PYTHON, ()),
    ("itertools-batched", Reason.WRONG_PYTHON, ()),
    ("killed-make", Reason.KILLED, ()),
    ("licence-input", Reason.NEEDS_ANSWER, ()),
    ("make-header", Reason.MISSING_HEADER, (Missing(Want.HEADER, "zstd.h"),)),
    ("match-312", Reason.WRONG_PYTHON, ()),
    ("maturin-py", Reason.MISSING_BUILD_REQUIREMENT, (Missing(Want.PYTHON_MODULE, "cffi"),)),
    ("meson-compile", Reason.MISSING_HEADER, (Missing(Want.HEADER, "zstd.h"),)),
    (
        "meson-fallback-git",
        Reason.NEEDS_NETWORK,
        (
            Missing(Want.PKG_CONFIG, "foo"),
            Missing(Want.CMAKE, "foo"),
        ),
    ),
    ("meson-find-git", Reason.MISSING_TOOL, (Missing(Want.TOOL, "git"),)),
    ("meson-dist", Reason.NEEDS_CHECKOUT, ()),
    ("meson-git-version", Reason.NEEDS_CHECKOUT, ()),
    ("meson-git-version-with-git", Reason.NEEDS_CHECKOUT, ()),
    ("meson-killed", Reason.KILLED, ()),
    ("meson-py", Reason.WRONG_PYTHON, ()),
    ("meson-py2", Reason.WRONG_PYTHON, ()),
    ("meson-wrap-file", Reason.NEEDS_NETWORK, ()),
    ("meson-wrap-git", Reason.NEEDS_NETWORK, ()),
    ("pbr", Reason.NEEDS_CHECKOUT, ()),
    ("pdm-scm", Reason.NEEDS_CHECKOUT, ()),
    ("pep695", Reason.WRONG_PYTHON, ()),
    ("pip-wheel-header", Reason.MISSING_HEADER, (Missing(Want.HEADER, "zstd.h"),)),
    ("pip-wheel-scm", Reason.NEEDS_CHECKOUT, ()),
    ("poetry-dynamic", Reason.NEEDS_CHECKOUT, ()),
    ("py-assert", Reason.WRONG_PYTHON, ()),
    ("py-assert-exit", Reason.WRONG_PYTHON, ()),
    ("py-too-new-raise", Reason.WRONG_PYTHON, ()),
    ("py-too-old-assert", Reason.WRONG_PYTHON, ()),
    ("py-too-old-raise", Reason.WRONG_PYTHON, ()),
    ("read-git-head", Reason.NEEDS_CHECKOUT, ()),
    ("rust-buildrs", Reason.MISSING_TOOL, (Missing(Want.TOOL, "cmake"),)),
    ("rust-compile", Reason.BUILD_ERROR, ()),
    ("rust-killed", Reason.KILLED, ()),
    ("rust-linker", Reason.MISSING_LIBRARY, (Missing(Want.LIBRARY, "zstd"),)),
    ("setuptools-scm", Reason.NEEDS_CHECKOUT, ()),
    ("setuptools-scm-old", Reason.NEEDS_CHECKOUT, ()),
    ("tomllib-310", Reason.WRONG_PYTHON, ()),
    ("uv-dynamic", Reason.NEEDS_CHECKOUT, ()),
    ("vcversioner", Reason.NEEDS_CHECKOUT, ()),
    ("versioningit", Reason.NEEDS_CHECKOUT, ()),
    ("versioningit-with-git", Reason.NEEDS_CHECKOUT, ()),
)


def test_every_log_has_an_expected_answer() -> None:
    """No log is unused."""
    assert {path.stem for path in LOGS.iterdir()} == {project for project, _, _ in REAL}


@pytest.mark.parametrize(("project", "reason", "lacking"), REAL, ids=[one[0] for one in REAL])
def test_a_real_log_gives_its_real_reason(project: str, reason: Reason, lacking: tuple[Missing, ...]) -> None:
    """The reason and the missing things were verified in the package; the evidence is a line of the log."""
    log = (LOGS / f"{project}.txt").read_text()
    found = explain(log)
    assert (found.reason, found.missing) == (reason, lacking)
    assert found.evidence in {" ".join(line.split())[:EVIDENCE] for line in log.splitlines()}


NOISE = {
    "configure asks": "checking for portaudio.h... no\nchecking for pkg-config... no\n-- Could NOT find JPEG (\n",
    "autoconf tries": "conftest.c:10:10: fatal error: portaudio.h: No such file or directory\n",
    "distutils tries": f"{TMP}/4885d7589a50/pa_init8s2k.c:2:10: fatal error: portaudio.h: No such file or directory\n",
    "numpy tries": "_configtest.c:1:10: fatal error: portaudio.h: No such file or directory\n",
    "CMake tries": "/b/CMakeFiles/CMakeScratch/T/x.c:2:10: fatal error: x.h: No such file or directory\n",
    "meson tries": "Did not find pkg-config by name 'pkg-config'\nRun-time dependency cairo found: NO\n",
    "an optional extension": NO_PORTAUDIO + "warning: building without\nrunning install_lib\ncopying a -> b\n",
}


@pytest.mark.parametrize("noise", NOISE)
def test_an_error_that_a_build_survives_is_not_the_reason(noise: str) -> None:
    """A failed trial is not the reason; the error after it is."""
    found = explain(NOISE[noise] + "src/a.c:1:24: error: 'nothing' undeclared (first use in this function)\n" + FAILED)
    assert (found.reason, found.missing) == (Reason.BUILD_ERROR, ())
    assert found.evidence == "src/a.c:1:24: error: 'nothing' undeclared (first use in this function)"
    alone = explain(NOISE[noise] + "the build backend called sys.exit(1)\n")
    assert alone.reason is Reason.BUILD_ERROR, alone


def test_the_first_of_several_errors_is_the_reason() -> None:
    """With make -j, others follow; their consequences do not hide the first."""
    log = SETUPTOOLS + NO_PORTAUDIO + NO_PORTAUDIO.replace("portaudio", "other") + TRACEBACK + "ValueError: No wheel\n"
    found = explain(log)
    assert found.evidence.startswith("src/foo.c:9:10: fatal error: portaudio.h")
    assert found.missing == missing(Want.HEADER, "portaudio.h", "other.h")


def test_all_libraries_that_the_linker_does_not_find_are_named() -> None:
    """In the linker's order."""
    line = "/usr/bin/ld: cannot find -l{}: No such file or directory\n"
    found = explain(line.format("geos_c") + line.format("proj") + "collect2: error: ld returned 1 exit status\n")
    assert (found.reason, found.missing) == (Reason.MISSING_LIBRARY, missing(Want.LIBRARY, "geos_c", "proj"))


def test_a_log_without_signs_is_a_plain_build_error() -> None:
    """Better no claim than a wrong one."""
    assert explain("") == Explanation(Reason.BUILD_ERROR)
    assert explain("all is well\nthe build backend called sys.exit(1)\n") == Explanation(Reason.BUILD_ERROR)


def test_evidence_is_one_printable_line() -> None:
    """Escapes, carriage returns and characters that reverse the text are removed; long lines are cut."""
    log = "\x1b[31msrc/a.c:1:2: fatal error: a\x1b[0mb.h: No such file or directory \u202e\x07\r\nnext" + "x" * 9000
    assert explain(log).evidence == "src/a.c:1:2: fatal error: ab.h: No such file or directory"
    shown = explain(f"{'y' * 3000} error: command 'swig' failed: No such file or directory {'z' * 9000}")
    assert shown.missing == missing(Want.TOOL, "swig")
    assert "command 'swig' failed" in shown.evidence
    assert len(shown.evidence) <= EVIDENCE
    assert printable("a\0b\n\tc") == "a b c"


HOSTILE = (
    "fatal error: ",
    "a:1:1: fatal error: a/",
    "ERROR: Dependency lookup for a",
    "CMake Error at a\n",
    "CMake Error at a\n  by provided by\n  ",
    "    raise child_exception_type(",
    "    raise child_exception_type(a)\n" + " " * 199 + "\n",
    "[Errno 2] No such file or directory: 'a",
    "could not find `a",
    "The 'a' command ",
    "sh: 1: a: ",
    "a.a.a.a.a.a.Error",
    "pkg-config --a ",
    "a/tmp/conftest",
    f"{TMP}/" * 20,
    "INFO:a:running ",
    "\x1b[",
    "\r",
    "=" * 50,
    "requires Python ",
    "error: failed to get `a",
    "error: needs python ",
    "License accept ",
    "fatal: not a git repository\nmake: *** ",
    "Looking for a fallback subproject for the dependency a\n",
    '  File "a", line 1\n    match a',
    "      \u2570\u2500> [1 lines of output]\n",
    "  --- stderr\n",
    "warning: a@1: ",
    "Error: needs needs at least ",
)


@pytest.mark.parametrize("piece", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_costs_no_more_than_its_length(piece: str) -> None:
    """A megabyte of near matches, in lines, in one line, and in endless names."""
    begun = time.process_time()
    for text in (piece, f"{piece}\n", f"{piece}{'a' * 90}", f"\n{piece}{'a-' * 200}"):
        explain(text * ((1 << 18) // len(text)))
    assert time.process_time() - begun < 10  # seconds of one processor, however slow


def test_patterns_are_bounded() -> None:
    """No sign has an unbounded repetition, which hostile text could make slow."""
    for sign in SIGNS:
        without_classes = re.sub(r"\[[^]]*\]", "", re.sub(r"\\.", "", sign.pattern))
        assert not re.search(r"(?<!\})[*+]|,\}", without_classes), sign.slug  # `}+` is possessive


GIT = "fatal: not a git repository (or any of the parent directories): .git\n"
NO_GIT = (
    "    raise child_exception_type(errno_num, err_msg, err_filename)\n"
    "FileNotFoundError: [Errno 2] No such file or directory: 'git'\n"
)
MAKE = "subprocess.CalledProcessError: Command '['make']' returned non-zero exit status 2.\n"


@pytest.mark.parametrize(
    ("log", "reason", "lacking"),
    [
        (GIT + NO_PORTAUDIO, Reason.MISSING_HEADER, missing(Want.HEADER, "portaudio.h")),
        (GIT + "src/a.c:1:24: error: 'nothing' undeclared\n", Reason.BUILD_ERROR, ()),
        (GIT + TRACEBACK + "AttributeError: 'NoneType' object has no attribute 'group'\n", Reason.BUILD_ERROR, ()),
        (GIT + "a step\n" * 30 + "the build backend called sys.exit: 1\n", Reason.BUILD_ERROR, ()),
        (GIT + TRACEBACK + "RuntimeError: Unable to determine the version\n", Reason.NEEDS_CHECKOUT, ()),
        (GIT + "make: *** [Makefile:2: version.h] Error 128\n" + MAKE, Reason.NEEDS_CHECKOUT, ()),
        ('    check_call(["git", "describe"])\n' + NO_GIT, Reason.NEEDS_CHECKOUT, ()),
        ('    check_call(["git", "clone", url])\n' + NO_GIT, Reason.NEEDS_NETWORK, ()),
        ('    check_call(["git", "apply", patch])\n' + NO_GIT, Reason.MISSING_TOOL, missing(Want.TOOL, "git")),
        ("Do you accept the license? [y/N]\n" + MAKE, Reason.NEEDS_ANSWER, ()),
        ("Do you accept the license? [y/N]\n" + NO_PORTAUDIO, Reason.MISSING_HEADER, missing(HEADER, "portaudio.h")),
        ("EOFError: Ran out of input\n", Reason.BUILD_ERROR, ()),
        ("AttributeError: module 'own' has no attribute 'getargspec'\n", Reason.BUILD_ERROR, ()),
        ("ImportError: cannot import name 'own' from 'typing'\n", Reason.BUILD_ERROR, ()),
        ('  File "setup.py", line 2\n    x = = 1\n        ^\nSyntaxError: invalid syntax\n', Reason.BUILD_ERROR, ()),
        ("DeprecationWarning: Python 3.8 will not be supported\nValueError: x\n", Reason.BUILD_ERROR, ()),
        ("nvcc error   : 'cicc' died due to signal 9 (Kill signal)\n", Reason.KILLED, ()),
    ],
)
def test_the_first_cause_decides_and_a_hint_only_where_nothing_else_does(
    log: str, reason: Reason, lacking: tuple[Missing, ...]
) -> None:
    """A line that builds survive is no reason beside another error."""
    found = explain(log)
    assert (found.reason, found.missing) == (reason, lacking), found


def test_the_output_of_a_command_is_read_as_if_it_were_the_log() -> None:
    """As pip, uv and cargo indent it."""
    indented = "".join(f"      {line}\n" for line in NO_PORTAUDIO.splitlines())
    pip = (
        f"  error: subprocess-exited-with-error\n  \u2570\u2500> [9 lines of output]\n{indented}      [end of output]\n"
    )
    for log in (
        pip + "error: metadata-generation-failed\n",
        f"      [stderr]\n{indented}\nhint: This error\n",
        "  --- stderr\n  cargo:warning=src/foo.c:9:10: fatal error: portaudio.h: No such file or directory\n",
    ):
        assert explain(log).missing == missing(Want.HEADER, "portaudio.h"), log


def test_the_messages_of_a_command_are_shown_and_not_that_it_failed() -> None:
    """A traceback's own line comes before the wrapper's."""
    log = TRACEBACK + "ValueError: no such colour\n" + TRACEBACK + MAKE
    assert explain(log).evidence == "ValueError: no such colour"
    assert explain(TRACEBACK + MAKE).evidence == MAKE.strip()


def test_a_limit_has_a_description() -> None:
    """No line of the build's log shows it."""
    assert of_limit(Reason.TIME_OUT, Limits(seconds=3)) == "the build was ended after 3 seconds"
    assert all(of_limit(reason, Limits()) for reason in LIMIT_REASONS)


def test_a_failure_before_a_build_has_evidence_too() -> None:
    """For an index's answer, the line with the reason; existing evidence is kept."""
    detail = (
        "No solution found when resolving dependencies\n  cause: Because pycairo>=1.16.0 has no usable wheels and you "
        "require pycairo>=1.16, we can conclude that your requirements are unsatisfiable.\n\nhint: Wheels are required"
    )
    failure = Failure(Reason.MISSING_BUILD_REQUIREMENT, Phase.REQUIREMENTS, detail)
    assert with_evidence(failure).evidence.startswith("cause: Because pycairo>=1.16.0 has no usable wheels")
    assert with_evidence(Failure(Reason.BROKEN_SDIST, Phase.UNPACK, "\nno pyproject\n")).evidence == "no pyproject"
    log = Failure(Reason.BUILD_ERROR, Phase.BUILD_WHEEL, "a warning\nall was well\nand then it was not\n")
    assert with_evidence(log).evidence == "and then it was not"
    kept = Failure(Reason.BUILD_ERROR, Phase.BUILD_WHEEL, "log", "evidence")
    assert with_evidence(kept) is kept


@pytest.mark.parametrize(
    ("log", "expected", "went_well"),
    [
        ("gcc: fatal error: Killed signal terminated program cc1\ncompilation terminated.", "Killed signal", "Killed"),
        ("g++: fatal error: Terminated signal terminated program cc1plus", "Terminated signal", "Terminated"),
        ("collect2: fatal error: ld terminated with signal 9 [Killed]", "ld terminated", "signal 9"),
        ("  process didn't exit successfully: `rustc` (signal: 9, SIGKILL: kill)", "signal: 9", "SIGKILL"),
        ("CalledProcessError: Command '['ninja']' died with <Signals.SIGKILL: 9>.", "died with", "died with"),
        ("error: command '/usr/bin/gcc' failed with exit code -9", "exit code -9", "exit code -9"),
        ("subprocess: returned non-zero exit status 137.", "137", "137"),
        ("make[1]: *** [Makefile:3: a.o] Error 137", "Error 137", "Error 137"),
        ("make: *** [Makefile:3: a.o] Killed", "Killed", "Killed"),
        ("FAILED: a.o\nKilled\nninja: build stopped: subcommand failed.", "Killed", ""),
        ("/bin/sh: line 1:    12 Killed                  gcc -c a.c", "Killed gcc", ""),
        ("compilation terminated.", "", ""),
        ("make: *** [Makefile:3: a.o] Error 1", "", ""),
        ("collect2: fatal error: ld terminated with signal 11 [Segmentation fault]", "", ""),
        ("Killed by death\nTerminated early\nexit code 1370", "", ""),
    ],
)
def test_a_process_that_was_killed_is_seen_in_the_log(log: str, expected: str, went_well: str) -> None:
    """By the messages of compilers and build tools; for a successful build, the shell's message is not enough."""
    found = failure_signs.killed(log)
    assert expected in found
    assert bool(found) is bool(expected)
    assert bool(failure_signs.killed(log, went_well=True)) is bool(went_well)
