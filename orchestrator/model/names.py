"""Checked file names of wheels and sdists: the only way from an untrusted name to a path or a line.

A name is a value of a separate type. No value of these types leads out of a folder, breaks a line
or names no project, so functions that make a path or a line take such a value instead of a text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.utils import (
    InvalidName,
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from pathlib import Path

    from packaging.tags import Tag

LONGEST = 255
"""Characters of a file's name: the limit of file systems."""

MOST_TAGS = 1000
"""Tags that one name represents (PEP 425, compressed tag sets); the longest known have a few dozen."""

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*")
_TAG_SET = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_VARIABLE, _VARIABLE_VALUE = re.compile(r"[A-Z][A-Z0-9_]{0,63}"), re.compile(r"[A-Za-z0-9._+-]{0,32}")
_RESERVED = frozenset(
    (
        *("AR", "AS", "CC", "CPP", "CXX", "ENV", "HOME", "IFS", "LANG", "LANGUAGE", "LD", "LOGNAME", "OLDPWD", "PATH"),
        *("PS1", "PS2", "PS4", "PWD", "SHELL", "TEMP", "TERM", "TMP", "TMPDIR", "TZ", "UID", "USER"),
        *("CAPTURE_ENVIRONMENT", "CI", "CLASSPATH", "FORCE_SOURCE_DATE", "LDSHARED", "LDCXXSHARED", "MAKEFILES"),
        *("NO_FAKE_STAT", "NPY_NUM_BUILD_JOBS", "SOURCE_DATE_EPOCH"),
    )
)
_RESERVED_BEGINNINGS = (
    *("BASH", "CARGO", "CCACHE", "CMAKE_", "CONFIG_", "CURL_", "DEB_", "DISTUTILS", "DOCKER_", "DONT_FAKE", "DYLD_"),
    *("FAKETIME", "FAKE_", "GCC_", "GCONV_", "GIT_", "GITHUB_", "GLIBC_", "HATCH_", "LC_", "LD_", "MALLOC_", "MESON"),
    *("NINJA", "NIX_", "PIP_", "PKG_CONFIG", "PYTHON", "REQUESTS_", "RUSTC", "RUSTUP", "SETUPTOOLS", "SSL_"),
    *("UV_", "VIRTUAL_ENV", "XDG_"),
)
_RESERVED_ENDS = ("FLAGS", "_PROXY", "_HOME", "PATH")
_WHEEL, _SDISTS = ".whl", (".tar.gz", ".zip")
_TAG_SETS = 3  # Python, ABI, platform
_QUOTED = 100  # characters of a name that a message repeats


class BadNameError(ValueError):
    """It is not a valid name of such a file."""


class WrongNameError(BadNameError):
    """It is the name of a file of another release."""


def may_be_set(name: str, value: str) -> bool:
    """Return whether a build, or the shell of a recipe, may be given a variable that a package names.

    The name is no variable by which a shell, Python, a loader, a compiler or a build tool finds its way; the value is
    short, and no shell takes any of its characters for its own.
    """
    is_plain = _VARIABLE.fullmatch(name) is not None and _VARIABLE_VALUE.fullmatch(value) is not None
    is_reserved = name in _RESERVED or name.startswith(_RESERVED_BEGINNINGS) or name.endswith(_RESERVED_ENDS)
    return is_plain and not is_reserved


@dataclass(frozen=True, slots=True, order=True)
class WheelName:
    """The file name of a wheel (PEP 427); anything else raises BadNameError."""

    filename: str
    project: str = field(init=False, compare=False)  # normalized (PEP 503)
    version: Version = field(init=False, compare=False)
    tags: frozenset[Tag] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Parse it, within bounds."""
        _insist_on_plain(self.filename, "a wheel", (_WHEEL,))
        sets = self.filename.removesuffix(_WHEEL).split("-")[-_TAG_SETS:]
        count = 1
        for one in sets:
            count *= one.count(".") + 1
        if not all(map(_TAG_SET.fullmatch, sets)) or count > MOST_TAGS:
            raise BadNameError(_not_one(self.filename, "a wheel", "its tags are none that an installer takes"))
        try:
            project, version, _, tags = parse_wheel_filename(self.filename)
            canonicalize_name(project, validate=True)
        except (InvalidWheelFilename, InvalidName, InvalidVersion) as error:
            raise BadNameError(_not_one(self.filename, "a wheel", str(error))) from None
        _fill_in(self, project=project, version=version, tags=tags)


@dataclass(frozen=True, slots=True, order=True)
class SdistName:
    """The file name of an sdist (PEP 625, and older forms); anything else raises BadNameError."""

    filename: str
    project: str = field(init=False, compare=False)  # normalized (PEP 503)
    version: Version = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Parse it, within bounds."""
        _insist_on_plain(self.filename, "an sdist", _SDISTS)
        try:
            project, version = parse_sdist_filename(self.filename)
            canonicalize_name(project, validate=True)
        except (InvalidSdistFilename, InvalidName, InvalidVersion) as error:
            raise BadNameError(_not_one(self.filename, "an sdist", str(error))) from None
        _fill_in(self, project=project, version=version)


FileName = WheelName | SdistName


def parsed(filename: str) -> FileName:
    """Return the name of a wheel or an sdist, by its ending; raises BadNameError."""
    return WheelName(filename) if filename.endswith(_WHEEL) else SdistName(filename)


def wheel_for(filename: str, project: str) -> WheelName:
    """Return the name of a wheel of that project, of any version; names are compared normalized (PEP 503).

    Raises
    ------
    BadNameError
        It is no name of a wheel.
    WrongNameError
        It is the name of another project's wheel.

    """
    name = WheelName(filename)
    if name.project != canonicalize_name(project):
        msg = f"{_quoted(filename)} is a wheel of the project {name.project}, and what is built is {project}"
        raise WrongNameError(msg)
    return name


def wheel_of(filename: str, project: str, version: str) -> WheelName:
    """Return the name of a wheel of that exact release.

    Versions are compared by PEP 440: `1.0.post1` equals 1.0-1, but 1.0+local does not equal 1.0. pip also
    refuses any other.

    Raises
    ------
    BadNameError
        It is no name of a wheel.
    WrongNameError
        It is the name of another project's wheel, or of another version's.

    """
    name = wheel_for(filename, project)
    if not _same_version(name.version, version):
        msg = f"{_quoted(filename)} is a wheel of version {name.version}, and what is built is {project} {version}"
        raise WrongNameError(msg)
    return name


def sdist_of(filename: str, project: str, version: str) -> SdistName:
    """Return the name of the sdist of that exact release; compares as `wheel_of`.

    Raises
    ------
    BadNameError
        It is no name of an sdist.
    WrongNameError
        It is the name of another release's sdist.

    """
    name = SdistName(filename)
    if name.project != canonicalize_name(project) or not _same_version(name.version, version):
        msg = f"{_quoted(filename)} is an sdist of {name.project} {name.version}, and not of {project} {version}"
        raise WrongNameError(msg)
    return name


def place(folder: Path, sha256: str, name: FileName) -> Path:
    """Return the path of a file that is stored by its hash and its name: FOLDER/SHA-256/NAME; raises BadNameError."""
    if not is_sha256(sha256):
        msg = f"{_quoted(sha256)} is no SHA-256 in lower-case hexadecimal digits"
        raise BadNameError(msg)
    return folder / sha256 / name.filename


def checksum_line(sha256: str, name: FileName) -> str:
    """Return a line in the format of sha256sum; raises BadNameError if the hash is invalid."""
    if not is_sha256(sha256):
        msg = f"{_quoted(sha256)} is no SHA-256 in lower-case hexadecimal digits"
        raise BadNameError(msg)
    return f"{sha256}  {name.filename}\n"


def is_path(requirement: str) -> bool:
    """Return whether a requirement is the path of an sdist, or of a project's folder.

    The rule is pip's: a path begins with a dot, has a slash, or ends as an archive does.
    """
    if "://" in requirement or " @" in requirement:
        return False
    return "/" in requirement or requirement.startswith(".") or requirement.endswith((".tar.gz", ".zip"))


def is_sha256(text: str) -> bool:
    """Return whether this is a SHA-256 in lower-case hexadecimal digits."""
    return _SHA256.fullmatch(text) is not None


def _same_version(actual: Version, version: str) -> bool:
    try:
        return actual == Version(version)
    except InvalidVersion:
        return False


def _insist_on_plain(filename: str, what: str, endings: tuple[str, ...]) -> None:
    if len(filename) > LONGEST:
        raise BadNameError(_not_one(filename, what, f"it has more than {LONGEST} characters"))
    if not _PLAIN.fullmatch(filename):
        raise BadNameError(_not_one(filename, what, "it has characters other than letters, digits and . _ + ! -"))
    if not filename.endswith(endings):
        raise BadNameError(_not_one(filename, what, f"it does not end with {' or '.join(endings)}"))


def _fill_in(name: FileName, **fields: object) -> None:
    for field_, value in fields.items():
        object.__setattr__(name, field_, value)


def _not_one(filename: str, what: str, why: str) -> str:
    return f"{_quoted(filename)} is no file name of {what}: {why}"


def _quoted(text: str) -> str:
    return ascii(text if len(text) <= _QUOTED else f"{text[:_QUOTED]}...")
