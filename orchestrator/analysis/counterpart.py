"""Decides which published wheel is verified on which image, or what is missing for it.

A wheel's platform tag asks for an image (PEP 600, PEP 656): it names the oldest libc on which the wheel runs, which is
the libc of the image in which it was repaired. A wheel that was repaired for several has a tag for each; the newest is
the image's own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from packaging.utils import parse_wheel_filename

from orchestrator.model.names import BadNameError, WheelName

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from packaging.tags import Tag

    from orchestrator.model import Image, OfferedWheel

NOTHING_PUBLISHED = "no wheel is published"
NO_IMAGE = "no image is configured"
NEEDS = "needs "
"""How the reason begins where another system, machine, image or Python would do."""

_MANYLINUX = re.compile(r"manylinux(?:(1|2010|2014)|_([0-9]{1,4})_([0-9]{1,4}))_(\w+)")
_LEGACY = {"1": (2, 5), "2010": (2, 12), "2014": (2, 17)}  # PEP 600: the glibc of the older names
_MUSLLINUX = re.compile(r"musllinux_([0-9]{1,4})_([0-9]{1,4})_(\w+)")
_LINUX = re.compile(r"linux_(\w+)")
_ELSEWHERE = {
    "win": "Windows",
    "macosx": "macOS",
    "ios": "iOS",
    "android": "Android",
    "emscripten": "Emscripten",
    "pyodide": "Emscripten",
    "pyemscripten": "Emscripten",
}
_CPYTHON, _ANY_PYTHON = re.compile(r"cp(\d)(\d{1,3})"), re.compile(r"py(\d)(\d{0,3})")
_LIBC6 = re.compile(r"(?:\d+:)?(\d{1,4})\.(\d{1,4})")
_IMAGE_NAME = re.compile(r"manylinux(?:(1|2010|2014)|_([0-9]{1,4})_([0-9]{1,4}))|musllinux_([0-9]{1,4})_([0-9]{1,4})")


class Counterpart(NamedTuple):
    """A published wheel, and the image on which it is verified."""

    wheel: OfferedWheel | None  # without an image: the one that the first image would install; None: there is none
    image: str  # its name; empty: no image can build the wheel
    reason: str  # what is missing: "needs image manylinux_2_28"; empty if there is an image


class _Libc(NamedTuple):
    """A C library, which stands for the images that have it."""

    name: str  # "manylinux" (glibc) or "musllinux" (musl); empty: any
    version: tuple[int, int]


class _Platform(NamedTuple):
    """What a platform tag asks for; a tag of another system has only that system's name."""

    machine: str  # empty: any
    libc: _Libc
    system: str = ""  # empty: Linux, or any


class _Fit(NamedTuple):
    """What is missing for one tag on one image, the worst first; without anything, all are empty."""

    system: str
    machine: str
    python: str
    image: str

    @property
    def reason(self) -> str:
        """State what is missing; on another system or machine, nothing else matters."""
        if self.system or self.machine:
            return f"{NEEDS}{self.system or f'another machine: {self.machine}'}"
        named = {"image ": self.image, "another Python: ": self.python}
        return NEEDS + " and ".join(f"{label}{value}" for label, value in named.items() if value)


_ABIS = {"abi3": 1, "none": 2}  # after the ABI of one Python, in the order of an installer
_ANY = _Libc("", (0, 0))
_FITS = _Fit("", "", "", "")


def counterparts(offered: Iterable[OfferedWheel], images: Sequence[Image]) -> Counterpart:
    """Choose the published wheel of a release that is verified, and its image; the first images are preferred.

    A pure wheel comes before wheels for a platform. Wheels whose names cannot be read are skipped.
    """
    wheels = [(wheel, name) for wheel in offered if (name := _name(wheel.filename))]
    if not wheels or not images:
        return Counterpart(None, "", NO_IMAGE if wheels else NOTHING_PUBLISHED)
    fitting = [
        (not _is_pure(name), number, _preference(name, image), wheel, image.name)
        for wheel, name in wheels
        for number, image in enumerate(images)
        if _fit(name, image) == _FITS
    ]
    if fitting:
        *_, wheel, image_name = min(fitting, key=lambda choice: (*choice[:3], choice[3].filename))
        return Counterpart(wheel, image_name, "")
    first = images[0]
    wheel, _ = min(wheels, key=lambda pair: (*map(bool, _fit(pair[1], first)), _preference(pair[1], first)))
    return counterpart_of(wheel, images)


def counterpart_of(wheel: OfferedWheel, images: Sequence[Image]) -> Counterpart:
    """Choose the image on which one published wheel is verified: the first that its tags ask for."""
    name = _name(wheel.filename)
    if name is None:
        return Counterpart(wheel, "", "its name is not a wheel's")
    fits = [_fit(name, image) for image in images]
    if _FITS in fits:
        return Counterpart(wheel, images[fits.index(_FITS)].name, "")
    nearest = min(
        fits, key=lambda fit: tuple(map(bool, (fit.system, fit.machine, fit.image, fit.python))), default=None
    )
    return Counterpart(wheel, "", nearest.reason if nearest else NO_IMAGE)


def is_pure(filename: str) -> bool:
    """Return whether a wheel is for any platform; false where its name cannot be read."""
    name = _name(filename)
    return name is not None and _is_pure(name)


def of_one_kind(ours: str, theirs: str) -> bool:
    """Return whether two wheels are both pure, or both for a platform; true where a name cannot be read."""
    first, second = _name(ours), _name(theirs)
    return first is None or second is None or _is_pure(first) is _is_pure(second)


def repair_platform(filename: str) -> str:
    """Return the platform for which a published wheel was repaired, as auditwheel takes it; empty if for none.

    That is the newest of its tags: auditwheel adds tags for older platforms that the wheel also satisfies. Of two
    names of one platform, it is that of PEP 600.
    """
    name = _name(filename)
    platforms = {tag.platform for tag in name.tags} if name else set()
    repaired = [(_platform(platform).libc, platform) for platform in platforms if _platform(platform).libc.version[0]]
    return max(repaired)[1] if repaired else ""


def _name(filename: str) -> WheelName | None:
    try:
        return WheelName(filename)
    except BadNameError:
        return None


def _is_pure(name: WheelName) -> bool:
    return any(tag.platform == "any" for tag in name.tags)


def _preference(name: WheelName, image: Image) -> tuple[bool, bool, int, int, tuple[int, int], int, str]:
    """Rank a wheel as an installer on an image does, the best first.

    By its libc, the newest; its Python, the one that fits best; its build number, the highest.
    """
    glibc, tags = _glibc(image), _asked(name.tags)
    libcs = [libc for tag in tags if (libc := _platform(tag.platform).libc).name != "musllinux"]
    newest = max((libc.version for libc in libcs), default=(0, 0))
    abi = min(_ABIS.get(tag.abi, 0) for tag in tags)
    python = min(_nearness(tag.interpreter, image) for tag in tags)
    build = parse_wheel_filename(name.filename)[2]
    return not libcs, newest > glibc, -newest[1], abi, python, -(build[0] + 1 if build else 0), name.filename


def _nearness(interpreter: str, image: Image) -> tuple[int, int]:
    """Rank a tag's Python as `packaging` does: the image's CPython, its version of any, any Python 3, older ones."""
    minor = int(image.target.python.split(".")[1])
    if match := _ANY_PYTHON.fullmatch(interpreter):
        older = minor - int(match[2]) if match[2] else None
        return (2, 0) if older is None else (3, older) if older else (1, 0)
    match = _CPYTHON.fullmatch(interpreter)
    return (0, 0) if match and int(match[2]) == minor else (4, 0)


def _fit(name: WheelName, image: Image) -> _Fit:
    """Return what is missing for a wheel on an image: of several tags, for the one for which the least is missing."""
    return min((_missing(tag, image) for tag in _asked(name.tags)), key=lambda fit: (*map(bool, fit), *fit))


def _asked(tags: Iterable[Tag]) -> list[Tag]:
    """Leave out tags of platforms that only an older libc than another tag's distinguishes."""
    newest: dict[tuple[str, ...], Tag] = {}
    for tag in sorted(tags, key=lambda tag: (_platform(tag.platform).libc.version, str(tag))):
        asked = _platform(tag.platform)
        place = tag.platform if asked.system else f"{asked.libc.name} {asked.machine}"
        newest[tag.interpreter, tag.abi, place] = tag
    return list(newest.values())


def _missing(tag: Tag, image: Image) -> _Fit:
    """Return what is missing for one tag on one image."""
    asked = _platform(tag.platform)
    machine = image.target.platform.partition("-")[0]
    return _Fit(
        system=asked.system,
        machine=asked.machine if asked.machine not in ("", machine) else "",
        python="" if _has_python(tag, image) else _python_of(tag),
        image="" if asked.libc.version == (0, 0) or asked.libc in _libcs(image) else _image_of(asked.libc),
    )


def _platform(platform: str) -> _Platform:
    """Parse a platform tag. A tag `linux_x86_64` asks for no libc, and `any` for nothing."""
    if match := _MANYLINUX.fullmatch(platform):
        version = _LEGACY[match[1]] if match[1] else (int(match[2]), int(match[3]))
        return _Platform(match[4], _Libc("manylinux", version))
    if match := _MUSLLINUX.fullmatch(platform):
        return _Platform(match[3], _Libc("musllinux", (int(match[1]), int(match[2]))))
    if match := _LINUX.fullmatch(platform):
        return _Platform(match[1], _Libc("manylinux", (0, 0)))
    word = re.split(r"[\d_]", platform, maxsplit=1)[0]
    return _Platform("", _ANY, "" if platform == "any" else _ELSEWHERE.get(word, f"another system: {platform}"))


def _has_python(tag: Tag, image: Image) -> bool:
    """Return whether a tag is for an image's CPython: abi3 and `py3` for that version or a later one (PEP 384, 425)."""
    major, minor = (int(part) for part in image.target.python.split(".")[:2])
    if match := _CPYTHON.fullmatch(tag.interpreter):
        wanted = int(match[1]), int(match[2])
        if tag.abi == "abi3":
            return wanted[0] == major and wanted[1] <= minor
        return wanted == (major, minor) and tag.abi in ("none", tag.interpreter, f"{tag.interpreter}m")
    if match := _ANY_PYTHON.fullmatch(tag.interpreter):
        return tag.abi == "none" and int(match[1]) == major and int(match[2] or 0) <= minor
    return False


def _python_of(tag: Tag) -> str:
    """Return how a reason names a tag's Python: by its ABI too, if that is not the usual one."""
    usual = {"none", "abi3", tag.interpreter, f"{tag.interpreter}m"}
    is_cpython = _CPYTHON.fullmatch(tag.interpreter)
    return f"{tag.interpreter}-{tag.abi}" if is_cpython and tag.abi not in usual else tag.interpreter


def _libcs(image: Image) -> set[_Libc]:
    """Return the libcs for which an image is the one that a tag asks for: by its name, or by its own glibc."""
    match = _IMAGE_NAME.fullmatch(image.name)
    if match is None:
        return {_Libc("manylinux", _glibc(image))}
    if match[4]:
        return {_Libc("musllinux", (int(match[4]), int(match[5])))}
    return {_Libc("manylinux", _LEGACY[match[1]] if match[1] else (int(match[2]), int(match[3])))}


def _glibc(image: Image) -> tuple[int, int]:
    """Return an image's real glibc, from its packages; without any, as its target names it.

    The target of an image with a glibc that is newer than uv knows names an older one.
    """
    versions = [version for package, version in image.packages if package.partition(":")[0] == "libc6"]
    match = _LIBC6.match(versions[0]) if versions else None
    platform = _MANYLINUX.fullmatch(f"{image.target.platform.partition('-')[2]}_x")
    if match:
        return int(match[1]), int(match[2])
    return (int(platform[2]), int(platform[3])) if platform and platform[2] else (0, 0)


def _image_of(libc: _Libc) -> str:
    return f"{libc.name}_{libc.version[0]}_{libc.version[1]}"
