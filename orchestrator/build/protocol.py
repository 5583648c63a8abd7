"""The channel from the guest to the host: untrusted bytes in, typed values out.

The guest sends lines of JSON, and perhaps a file (`guest/main.py` describes them). The host accepts only
frames that an honest guest can send, in an order in which it can send them; anything else breaks the channel.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from orchestrator.build.engine import STDOUT
from orchestrator.guest.main import LONGEST_DETAIL, LONGEST_REQUIREMENT, MOST_REQUIREMENTS, satisfied
from orchestrator.guest.probe import LONGEST
from orchestrator.model import Limits, Phase, Probe, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

LONGEST_FRAME = 1 << 20
"""Bytes of one line: the longest is a list of dynamic build requirements, with at most a quarter of this."""

_LONGEST_NAME = 255  # bytes of a file's name (NAME_MAX)
_MOST_CPUS = 4096
_OVERTIME = 3600  # seconds that a build may exceed its limit by, in a believable processor time
_QUOTED = 200  # characters
_INT64 = 1 << 63

_Text = Annotated[str, StringConstraints(max_length=4096)]  # bytes of a path (PATH_MAX)
_Name = Annotated[str, StringConstraints(max_length=4 * _LONGEST_NAME)]  # each byte may be escaped


def _printable(text: str) -> str:
    if not text.isprintable():
        msg = "has characters that cannot be printed"
        raise ValueError(msg)
    return text


_Shown = Annotated[str, StringConstraints(max_length=LONGEST), AfterValidator(_printable)]


class _Frame(BaseModel):
    """Exactly these keys, of exactly these types, without NaN and infinity."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class _Probe(_Frame):
    """The fields of `model.Probe`, each with its bounds."""

    build_path: _Text
    hostname: _Text
    domainname: _Text
    clock: float = Field(ge=0, le=1 << 40)
    utc_offset: int = Field(ge=-200_000, le=200_000)
    locale: _Text
    language: _Text
    umask: int = Field(ge=0, le=0o777)
    uid: int = Field(ge=0, lt=1 << 32)
    user: _Text
    login_shell: _Text
    home: _Text
    home_exists: bool
    path: tuple[_Text, ...] = Field(max_length=64)
    variables: tuple[tuple[_Text, _Text], ...] = Field(max_length=64)
    kernel: _Text
    cpus: int = Field(ge=1, le=_MOST_CPUS)
    listing: tuple[_Name, ...] = Field(max_length=64)
    hash_of_word: int = Field(ge=-_INT64, lt=_INT64)
    tmpdir: _Text
    environment_path: _Text
    shell: _Text
    interfaces: tuple[_Name, ...] = Field(max_length=4096)  # all of the host's, if the engine does not isolate networks
    processor: _Shown
    cpu_flags: Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-f]{16})?$")]
    kernel_version: _Shown


class Probed(_Frame):
    """The probe of the container's environment."""

    probe: _Probe


class Asked(_Frame):
    """The dynamic build requirements."""

    asked: tuple[Annotated[str, StringConstraints(max_length=LONGEST_REQUIREMENT)], ...] = Field(
        max_length=MOST_REQUIREMENTS
    )


class Finding(_Frame):
    """A fault of the package that the guest detected."""

    phase: Phase
    reason: Reason
    detail: Annotated[str, StringConstraints(max_length=LONGEST_DETAIL)]


class Refused(_Frame):
    """The guest refused the package."""

    failure: Finding


class Failed(_Frame):
    """A hook failed, or the host refused it a resource."""

    failed: int = Field(ge=-64, le=255)  # its exit status; a signal's number, negative
    forks_refused: bool
    space_left: bool
    short_of_memory: Literal["", "limit", "host"]


class Missing(_Frame):
    """Nothing was built: the dynamic build requirements name more than is installed."""

    missing: Literal[True]


class Made(_Frame):
    """The header of a file that follows."""

    file: Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST_NAME, pattern=r"\A[^/\x00]+\z")]
    size: int = Field(ge=0, lt=_INT64)
    cpu_seconds: float = Field(ge=0)


Last = Refused | Failed | Missing | Made
"""The last frame of a guest."""

_FRAMES: dict[str, type[Probed | Asked | Last]] = {
    "probe": Probed,
    "asked": Asked,
    "failure": Refused,
    "failed": Failed,
    "missing": Missing,
    "file": Made,
}

_FINDINGS = {
    Phase.UNPACK: {Reason.BROKEN_SDIST, Reason.UNSAFE_SDIST, Reason.SDIST_TOO_LARGE},
    Phase.REQUIREMENTS: {Reason.MISSING_BUILD_REQUIREMENT, Reason.BROKEN_CHANNEL},
    Phase.BUILD_WHEEL: {Reason.BROKEN_CHANNEL},
    Phase.BUILD_SDIST: {Reason.BROKEN_CHANNEL},
    Phase.WHEEL: {Reason.NO_WHEEL, Reason.UNSAFE_WHEEL, Reason.WHEEL_TOO_LARGE},
    Phase.FINISH: {Reason.NO_WHEEL, Reason.UNSAFE_WHEEL, Reason.WHEEL_TOO_LARGE, Reason.BROKEN_CHANNEL},
}
"""The faults that a guest can detect in each phase."""


class BrokenChannelError(Exception):
    """The bytes are not what an honest guest sends; the message quotes only what is safe to show."""


def read(line: bytes) -> Probed | Asked | Last:
    """Read one frame; raises BrokenChannelError if the line is not a frame."""
    try:
        text = line.decode()
        frame = json.loads(text, object_pairs_hook=_distinct, parse_constant=_no_constant)
        if not isinstance(frame, dict):
            msg = f"a frame is not an object but {type(frame).__name__}"
            raise BrokenChannelError(msg)
        kinds = [kind for key, kind in _FRAMES.items() if key in frame]
        if len(kinds) != 1:
            msg = f"a frame of unknown kind: {', '.join(map(ascii, frame))[:_QUOTED]}"
            raise BrokenChannelError(msg)
        return kinds[0].model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        msg = f"a frame does not fit its schema: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise BrokenChannelError(ascii(msg[:_QUOTED])[1:-1]) from None
    except RecursionError:
        msg = "a frame is nested too deeply"
        raise BrokenChannelError(msg) from None
    except ValueError as error:  # no UTF-8, no JSON, a key twice, a number of more digits than Python reads
        msg = f"a frame is not JSON: {ascii(str(error)[:_QUOTED])[1:-1]}"
        raise BrokenChannelError(msg) from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        msg = "a key occurs twice"
        raise ValueError(msg)
    return unique


def _no_constant(name: str) -> None:
    msg = f"{name} is not a number"
    raise ValueError(msg)


class FrameReader:
    """Reads the output of one container: frames and a file from its standard output, a log from its standard error.

    The output is not trusted: frames, the file and the log are bounded, and users of the file's name
    check it.
    """

    def __init__(
        self,
        folder: Path,
        limits: Limits,
        answered: Callable[[tuple[str, ...]], None],
        *,
        given: Sequence[str] | None = None,
        repairs: bool = False,
    ) -> None:
        """Write output into files in that folder; pass the dynamic requirements to `answered` at once.

        `given` names the installed build requirements; None if the dynamic ones were not requested.
        `repairs`: whether the built wheel is repaired before it is handed over.
        """
        self.probe: Probe | None = None
        self.asked: tuple[str, ...] | None = None
        self.last: Last | None = None
        self.file = folder / "file"
        self.sha256 = hashlib.sha256()
        self.received = 0
        self.log = folder / "log"
        self.too_loud = False
        self.broken = ""
        self._given = given
        self._finish = (Phase.FINISH,) if repairs else ()
        self._limits = limits
        self._answered = answered
        self._line = bytearray()
        self._left = 0
        self._logged = 0
        self._log = self.log.open("wb")
        self._out = self.file.open("wb")

    def __call__(self, stream: int, piece: bytes) -> bool:
        """Accept one piece of output; return False to end the container."""
        if stream != STDOUT:
            return self._note(piece)
        try:
            self._hear(piece)
        except BrokenChannelError as broken:
            self.broken = self.broken or str(broken)
        return not self.broken

    def close(self) -> None:
        """Close the files."""
        self._log.close()
        self._out.close()

    @property
    def made(self) -> Made | None:
        """The announced file, once all of it has arrived."""
        return self.last if isinstance(self.last, Made) and self._left == 0 else None

    @property
    def failed(self) -> Failed | None:
        """How a hook failed, if it did."""
        return self.last if isinstance(self.last, Failed) else None

    @property
    def missing(self) -> bool:
        """Whether the build backend asks for more than is installed."""
        return isinstance(self.last, Missing)

    @property
    def cpu_seconds(self) -> float:
        """The processor time of the hook, as the container measured it."""
        return round(self.last.cpu_seconds, 3) if isinstance(self.last, Made) else 0.0

    def _note(self, piece: bytes) -> bool:
        room = max(0, self._limits.log - self._logged)
        self._log.write(piece[:room])
        self._logged += len(piece)
        self.too_loud = self._logged > self._limits.log
        return not self.too_loud

    def _hear(self, piece: bytes) -> None:
        while piece and self.last is None and not self.broken:
            line, newline, piece = piece.partition(b"\n")
            if len(self._line) + len(line) > LONGEST_FRAME:
                msg = f"a line of more than {LONGEST_FRAME} bytes"
                raise BrokenChannelError(msg)
            self._line += line
            if newline:
                frame, self._line = bytes(self._line), bytearray()
                self._take(read(frame))
        self._save(piece)

    def _take(self, frame: Probed | Asked | Last) -> None:
        if not self._fits(frame):
            msg = f"a frame out of turn: {type(frame).__name__.lower()}"
            raise BrokenChannelError(msg)
        if isinstance(frame, Probed):
            self.probe = Probe(**dict(frame.probe))
        elif isinstance(frame, Asked):
            self.asked = frame.asked
            self._answered(frame.asked)
        else:
            if isinstance(frame, Made):
                self._announce(frame)
            self.last = frame

    def _fits(self, frame: Probed | Asked | Last) -> bool:
        """Check whether a guest can send this frame after those that it has sent."""
        if self.probe is None:
            return isinstance(frame, Probed) or _is_finding(frame, Phase.UNPACK)
        if self._given is not None and self.asked is None:
            return isinstance(frame, Asked | Failed) or _is_finding(frame, Phase.REQUIREMENTS)
        if self.asked is not None and not satisfied(self.asked, self._given or ()):
            return isinstance(frame, Missing)
        again = (Phase.UNPACK,) if self.asked is not None else ()  # the build begins with a new source tree
        phases = (Phase.BUILD_WHEEL, Phase.BUILD_SDIST, Phase.WHEEL, *self._finish, *again)
        return isinstance(frame, Failed | Made) or _is_finding(frame, *phases)

    def _announce(self, made: Made) -> None:
        if made.size > self._limits.wheel:
            msg = f"a file of {made.size} bytes, more than {self._limits.wheel}"
            raise BrokenChannelError(msg)
        if made.cpu_seconds > (self._limits.seconds + _OVERTIME) * _MOST_CPUS:
            msg = "more processor time than there is"
            raise BrokenChannelError(msg)
        self._left = made.size

    def _save(self, piece: bytes) -> None:
        if len(piece) > self._left:
            msg = f"{len(piece) - self._left} bytes after the end"
            raise BrokenChannelError(msg)
        self._out.write(piece)
        self.sha256.update(piece)
        self._left -= len(piece)
        self.received += len(piece)


def _is_finding(frame: Probed | Asked | Last, *phases: Phase) -> bool:
    if not isinstance(frame, Refused):
        return False
    return frame.failure.phase in phases and frame.failure.reason in _FINDINGS[frame.failure.phase]
