"""What lines of metadata mean to `packaging`, so that two spellings of one meaning can be recognized."""

from __future__ import annotations

import re
from email.message import Message
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name, canonicalize_version, parse_wheel_filename

if TYPE_CHECKING:
    from collections.abc import Callable

    from packaging.markers import Marker
    from packaging.specifiers import Specifier

_LONGEST = 4096  # bytes of a line that is parsed; a longer one means its own text
_FIELD = re.compile(rb"([A-Za-z][A-Za-z0-9-]{0,60}):(.*)", re.DOTALL)
_KEY = re.compile(rb"[ \t]*=[ \t]*")
_BLANKS = re.compile(r"[ \t\r\n]+")
_LONE_RETURN = re.compile(rb"\r(?!\n|\Z)")  # ends a header for Python's email package
_ABSENT = frozenset(
    ("author", "author-email", "download-url", "home-page", "keywords", "license", "maintainer", "maintainer-email",
     "platform", "summary")
)  # fmt: skip
"""Fields that some backends write as UNKNOWN, or empty, where others leave them out."""

NOTHING = b""
"""The meaning of a field that might as well be absent."""


def field(line: bytes) -> tuple[str, str]:
    """Return the name, in lower case, and the unfolded value of a header; an empty name if it is none."""
    found = _FIELD.fullmatch(line)
    value = (found[2] if found else line).decode("utf-8", "surrogateescape")
    return (found[1].decode().lower() if found else ""), " ".join(_BLANKS.split(value.strip(" \t\r\n")))


def meaning(line: bytes) -> bytes:
    """Return a text that is equal for headers that mean the same to `packaging`; any other line means itself."""
    if len(line) > _LONGEST or not _FIELD.fullmatch(line) or _LONE_RETURN.search(line):
        return b"line " + line
    name, value = field(line)
    if b"\n" in line and name in _MEANINGS and name not in _FOLDED:
        return b"line " + line
    if name in _ABSENT and value in ("", "UNKNOWN"):
        return NOTHING
    try:
        meant = _MEANINGS.get(name, str)(value)
    except (ValueError, LookupError, RecursionError):
        meant = f"invalid {value}"
    return f"{name}: {meant}".encode("utf-8", "surrogateescape")


def key_meaning(line: bytes) -> bytes:
    """Return the same for a line of entry_points.txt: blanks around the first `=` mean nothing."""
    return _KEY.sub(b"=", line.strip(b" \t"), count=1)


def _requirement(value: str) -> str:
    from packaging.requirements import Requirement  # noqa: PLC0415 - it takes long to import, and few wheels need it

    parsed = Requirement(value)
    extras = sorted(map(canonicalize_name, parsed.extras))
    version = _specifiers(parsed.specifier)
    return f"{canonicalize_name(parsed.name)} {extras} {version} {parsed.url} {_marker(parsed.marker)}"


def _specifiers(value: SpecifierSet | str) -> str:
    """Return the specifiers as a set, each in the form in which `packaging` compares it."""
    specifiers = SpecifierSet(value) if isinstance(value, str) else value
    return " ".join(sorted({_specifier(one) for one in specifiers}))


def _specifier(one: Specifier) -> str:
    written = (
        one.version
        if one.operator == "==="
        else canonicalize_version(one.version, strip_trailing_zero=one.operator != "~=")
    )
    return f"{one.operator}{written}"


_QUOTED = re.compile(r'("[^"]*"|\'[^\']*\')')


def _marker(marker: Marker | None) -> str:
    """Return a marker as `packaging` writes it; if all of it is joined by `and`, without brackets and in one order."""
    pieces = _QUOTED.split(str(marker) if marker else "")
    plain = " ".join(pieces[::2])
    if re.search(r"\bor\b", plain):
        return "".join(pieces)
    flat = "".join(piece if number % 2 else re.sub(r"[()]", "", piece) for number, piece in enumerate(pieces))
    return " and ".join(sorted(_conjuncts(flat)))


def _conjuncts(flat: str) -> list[str]:
    found = [""]
    for number, piece in enumerate(_QUOTED.split(flat)):
        parts = [piece] if number % 2 else re.split(r"\s+and\s+", piece)
        found[-1] += parts[0]
        found += parts[1:]
    return [" ".join(one.split()) for one in found]


def keywords(value: str) -> list[str]:
    """Return the words of Keywords, which commas separate, or blanks if there are no commas."""
    return [word.strip(" ") for word in (value.split(",") if "," in value else value.split(" "))]


def _listed(value: str) -> str:
    return ",".join(part.strip() for part in value.split(","))


def _content_type(value: str) -> str:
    """Return a content type with its parameters; UTF-8 is the only charset that the specification allows."""
    message = Message()
    message["Content-Type"] = value
    parameters = {key.lower(): str(text).lower() for key, text in message.get_params([])[1:]}
    return f"{message.get_content_type()} {sorted({'charset': 'utf-8', **parameters}.items())}"


def _tags(value: str) -> str:
    return " ".join(sorted(map(str, parse_tag(value))))


_MEANINGS: dict[str, Callable[[str], str]] = {
    "description-content-type": _content_type,
    "keywords": _listed,
    "name": canonicalize_name,
    "project-url": _listed,
    "provides-extra": canonicalize_name,
    "requires-dist": _requirement,
    "requires-python": _specifiers,
    "tag": _tags,
    "version": canonicalize_version,
}

_FOLDED = frozenset(("description-content-type", "keywords", "project-url"))
"""Those of these fields that may be folded: what parses the others takes no end of line."""


# --- names -----------------------------------------------------------------------------------

_DESCRIBED = re.compile(r"([^/]+)-([^/-]+)\.(dist-info|data)/(.*)", re.DOTALL)
_LICENSES = re.compile(r"(?:licenses|license_files)/")
_READ = frozenset(
    ("metadata", "wheel", "record", "record.jws", "record.p7s", "entry_points.txt", "top_level.txt", "direct_url.json",
     "installer", "requested", "metadata.json", "namespace_packages.txt", "dependency_links.txt", "zip-safe",
     "eager_resources.txt", "pbr.json", "origin.json", "uv_build.json", "uv_cache.json")
)  # fmt: skip
"""Files of the dist-info folder that installers and libraries read, in lower case; none of them is a license."""


def member(path: str) -> str:
    """Return a text that is equal for the paths that backends give one file of the dist-info or the .data folder.

    A backend normalizes the project's name and version, or not (PEP 427, PEP 503), and puts licenses into the
    folder `licenses` (PEP 639), or not. Any other path means itself.
    """
    found = _DESCRIBED.fullmatch(path)
    if not found:
        return path
    name, version, kind, rest = found.groups()
    written = canonicalize_version(version.replace("_", "-"))
    rest = _LICENSES.sub("", rest, count=1) if kind == "dist-info" and is_license(rest) else rest
    return f"{canonicalize_name(name)}-{written}.{kind}/{rest}"


def is_license(rest: str) -> bool:
    """Return whether a path in the dist-info folder is in a folder of licenses, and not one that anything reads."""
    return bool(_LICENSES.match(rest)) and is_free(rest.rpartition("/")[2])


def is_free(name: str) -> bool:
    """Return whether no installer or library reads a file of that name in the dist-info folder."""
    return name.lower() not in _READ


def same_filename(first: str, second: str) -> bool:
    """Return whether two file names of wheels mean the same project, version, build and tags."""
    try:
        return parse_wheel_filename(first) == parse_wheel_filename(second)
    except ValueError:
        return False
