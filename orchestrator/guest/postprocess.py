"""Applies remedies to a finished wheel. Standard library only: it runs inside the container, or by hand.

    python3 postprocess.py EPOCH STEPS WHEEL...

EPOCH is the time of all members in seconds since 1970, STEPS a list with commas of:
strip-debug (the debug information and the build id of ELF members), no-sbom (bills of materials,
PEP 770), canonical-archive (order, times, modes and packing). Each WHEEL is replaced by
the result, with an updated RECORD (PEP 376, PEP 427).
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import subprocess
import sys
import tempfile
import time
import zipfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

STRIP = ("strip", "--strip-debug", "--enable-deterministic-archives", "--remove-section=.note.gnu.build-id")
EARLIEST = 315_532_800  # 1980-01-01: the earliest time of a zip
_ELF = b"\x7fELF"
_UNHASHED = ("RECORD", "RECORD.jws", "RECORD.p7s")

# --- steps: each returns a new list of members -----------------------------------------------


class Member:
    """One member of a wheel."""

    def __init__(self, info: zipfile.ZipInfo, content: bytes) -> None:
        """Store its header and its contents."""
        self.info = info
        self.content = content

    @property
    def path(self) -> str:
        """Its path in the wheel."""
        return self.info.filename


def strip_debug(members: list[Member], _epoch: int) -> list[Member]:
    """Strip every ELF member with binutils' strip."""
    for member in members:
        if member.content.startswith(_ELF):
            member.content = _stripped(member.content)
    return members


def _stripped(content: bytes) -> bytes:
    descriptor, path = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        subprocess.run([*STRIP, path], check=True, stdin=subprocess.DEVNULL)  # noqa: S603 - a fixed command
        with open(path, "rb") as stream:
            return stream.read()
    finally:
        os.unlink(path)


def no_sbom(members: list[Member], _epoch: int) -> list[Member]:
    """Remove the bills of materials."""
    return [member for member in members if not _is_sbom(member.path)]


def _is_sbom(path: str) -> bool:
    folder, _, below = path.partition("/")
    return folder.endswith(".dist-info") and below.startswith("sboms/")


def canonical_archive(members: list[Member], epoch: int) -> list[Member]:
    """Give all members a fixed order and form; executable files remain executable."""
    when = time.gmtime(max(EARLIEST, epoch))[:6]
    return [_canonical(member, when) for member in sorted(members, key=_rank) if not member.info.is_dir()]


def _rank(member: Member) -> tuple[bool, bool, str]:
    """Sort the metadata last, as PEP 427 recommends, and RECORD after all."""
    folder, _, name = member.path.partition("/")
    inside = folder.endswith(".dist-info")
    return inside, inside and name in _UNHASHED, member.path


def _canonical(member: Member, when: tuple[int, ...]) -> Member:
    executable = (member.info.external_attr >> 16) & 0o100
    info = zipfile.ZipInfo(member.path, when)  # type: ignore[arg-type] # six numbers
    info.create_system = 3  # Unix, on any host
    info.external_attr = (0o100755 if executable else 0o100644) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return Member(info, member.content)


STEPS: dict[str, Callable[[list[Member], int], list[Member]]] = {
    "no-sbom": no_sbom,
    "strip-debug": strip_debug,
    "canonical-archive": canonical_archive,
}

# --- the wheel -------------------------------------------------------------------------------


def finish(path: str, steps: list[str], epoch: int) -> None:
    """Apply the steps to the wheel at that path, in the order of STEPS; a broken wheel raises any exception."""
    with zipfile.ZipFile(path) as archive:
        members = [Member(info, archive.read(info)) for info in archive.infolist()]
    for name, step in STEPS.items():
        if name in steps:
            members = step(members, epoch)
    members = recorded(members, in_order="canonical-archive" in steps)
    with zipfile.ZipFile(path + ".new", "w") as archive:
        for member in members:
            archive.writestr(member.info, member.content, member.info.compress_type)
    os.replace(path + ".new", path)


def recorded(members: list[Member], *, in_order: bool) -> list[Member]:
    """Update RECORD: the hash and size of each member, in RECORD's order or in that of the members."""
    by_path = {member.path: member for member in members}
    for member in members:
        folder, _, name = member.path.partition("/")
        if name == "RECORD" and folder.endswith(".dist-info"):
            listed = [row[0] for row in csv.reader(io.StringIO(member.content.decode())) if row]
            order = list(by_path) if in_order else [path for path in listed if path in by_path]
            member.content = _lines(order, by_path, folder).encode()
    return members


def _lines(order: list[str], by_path: dict[str, Member], folder: str) -> str:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    for path in order:
        content = by_path[path].content
        code = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        unhashed = path in {f"{folder}/{name}" for name in _UNHASHED}
        rows.writerow((path, "", "") if unhashed else (path, f"sha256={code}", len(content)))
    return out.getvalue()


def main(arguments: list[str]) -> int:
    """Run by hand, or by the guest; return the exit status."""
    epoch, steps, *wheels = arguments
    for wheel in wheels:
        finish(wheel, steps.split(","), int(epoch))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
