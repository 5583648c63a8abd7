"""The crates of an sdist's Cargo.lock: fetched once, before the build, in a separate container."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING

from orchestrator.build.builder import TAIL
from orchestrator.build.container import GUEST, SDIST, guest_folder
from orchestrator.build.engine import STDOUT, Container
from orchestrator.build.environment import first_environment
from orchestrator.build_requirements import crate_faults, registry_proxy
from orchestrator.errors import PackageIndexError, TransientEngineError, TransientIndexError
from orchestrator.guest.crates import CARGO_FAILED
from orchestrator.model import DETAIL, Failure, Phase, Reason, digest
from orchestrator.sources import reading
from orchestrator.util.cache import Turns, settle, settled, sweep, unfinished

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.build.engine import Completed
    from orchestrator.model import Image, Limits
    from orchestrator.sources.sdist import Source

LAYOUT = 2
"""Version of the folder made from a lock: raised by any change that a build could see."""

SECONDS = 900
MEMORY = 4 << 30
LARGEST = 3 << 30  # bytes of all crates together, unpacked; kept in memory while they are fetched

CARGOS = frozenset({"cargo", "cargo-web"})
"""Debian's packages that contain cargo."""

_NAME = re.compile(r"[A-Za-z0-9._-]+")
SOCKET = "/usr/lib/wheelproof-relay"
_SCRATCH = "/scratch"
_CALLERS = frozenset({"maturin", "setuptools-rust"})
"""Build requirements that call cargo."""


def wanted(source: Source, image: Image) -> bool:
    """Return whether a build needs its crates: it has a lock, probably calls cargo, and the image has cargo.

    A lock alone may belong to an example. Callers of cargo are known by name, or are a backend inside the
    sdist. Without its crates such a build fails, or leaves out its part in Rust, which would
    give another wheel.
    """
    named = {
        match[0].lower().replace("_", "-")
        for requirement in source.requires
        if (match := _NAME.match(requirement.strip()))
    }
    calls = bool(source.backend_path or (named | {source.backend.partition(":")[0].partition(".")[0]}) & _CALLERS)
    return bool(source.cargo and calls and _cargo_of(image))


def _cargo_of(image: Image) -> list[tuple[str, str]]:
    return [(name, version) for name, version in image.packages if name.partition(":")[0] in CARGOS]


FOLDER = "crates"
"""The cache's folder of crates."""


def kept(cache: Path, source: Source, image: Image) -> Path | None:
    """Return the folder of crates that a build gets, if it was fetched earlier; no engine is needed for it."""
    return settled(_place(cache, source, image))


def _place(cache: Path, source: Source, image: Image) -> Path:
    return cache / FOLDER / digest([LAYOUT, source.cargo, _cargo_of(image)])


CARGO = "/usr/bin/cargo"
"""Cargo in an image that has it."""


@dataclass(slots=True)
class Crates:
    """The crates in one cache; threads and processes may share it."""

    cache: Path
    registry: str | None  # address of a sparse index; None: cargo's default
    run: Callable[..., Completed]
    label: str
    ask: Callable[[str, int], bytes] | None = (
        None  # returns the content of an address; None: no failure can be confirmed
    )
    wait: float = 8.0  # seconds before a failure is checked again
    sleep: Callable[[float], None] = time.sleep
    downloads: tuple[str, ...] = ()  # addresses of the hosts that crates are downloaded from, besides the registry's
    private: bool = False  # whether the registry may be at an address that is not public
    read: Callable[[str, str], bytes] = lambda _image, _path: b""  # a file of an image, by its id and path
    turns: Turns = field(init=False)

    def __post_init__(self) -> None:
        """Sweep the cache's folder of crates."""
        self.turns = Turns()
        sweep(self._folder)

    @property
    def _folder(self) -> Path:
        return self.cache / FOLDER

    def fetch(self, source: Source, image: Image, limits: Limits) -> Path | Failure | None:
        """Return the folder that a build uses as its CARGO_HOME, or the failure.

        None if crates are not `wanted`. Every crate has its hash of Cargo.lock, so the folder
        depends only on the lock and cargo's version. A failure is the package's fault: it needs no
        registry, or a registry that answers well lacks a locked crate twice, with a wait between.

        Raises
        ------
        TransientEngineError
            The engine failed.
        PackageIndexError
            The registry does not answer, answers wrongly, or gives two different answers.

        """
        if not wanted(source, image):
            return None
        place = _place(self.cache, source, image)
        with self.turns.turn(place.name):
            return settled(place) or self._make(source, image, limits, place)

    def _make(self, source: Source, image: Image, limits: Limits, place: Path) -> Path | Failure:
        index = self.registry or crate_faults.index_of(self.read(image.id, CARGO))
        first = self._tried(source, image, limits, place, index)
        if isinstance(first, Path) or crate_faults.is_of_sdist(first.heard) or first.limit:
            return first if isinstance(first, Path) else _failure(source, first)
        self._insist(first, index)
        self.sleep(self.wait)
        second = self._tried(source, image, limits, place, index)
        if isinstance(second, Path):
            return second
        self._insist(second, index)
        if _innermost(second.heard) != _innermost(first.heard):
            msg = f"fetching crates for {source.path.name}: the registry gives another answer each time; run again"
            raise TransientIndexError(msg)
        return _failure(source, second)

    def _insist(self, ended: _Ended, index: str) -> None:
        """Raise an error if the registry or the network is at fault."""
        refused = [fault for fault in ended.faults if fault.endswith(registry_proxy.REFUSED)]
        if unanswered := [fault for fault in ended.faults if fault not in refused]:
            raise crate_faults.unanswered(unanswered[0])
        if refused:
            raise crate_faults.refused(refused[0])
        crate_faults.insist(ended.heard, index, self.ask)

    def _gate(self, index: str) -> registry_proxy.Allowlist:
        """Allow the configured hosts; the default registry publishes the host of its downloads."""
        if self.registry or self.ask is None:
            return registry_proxy.gate(index, *self.downloads, private=self.private)
        return registry_proxy.gate(index, crate_faults.downloads_of(index, self.ask), *self.downloads)

    def _tried(self, source: Source, image: Image, limits: Limits, place: Path, index: str) -> Path | _Ended:
        gate = self._gate(index)
        with unfinished(self._folder) as lent:
            lent.chmod(0o755)
            with registry_proxy.serving(lent / "socket", gate):
                heard, limit = self._fetch(source, image, limits, lent)
            if heard is not None:
                return _Ended(heard, tuple(gate.faults), limit)
            folder = lent / "crates"
            folder.mkdir(mode=0o755)
            if why := reading.unpack(lent / "crates.tar", folder):
                msg = f"fetching crates for {source.path.name}: what the container gave cannot be unpacked: {why}"
                raise TransientEngineError(msg)
            return settle(folder, place)

    def _fetch(self, source: Source, image: Image, limits: Limits, lent: Path) -> tuple[str | None, bool]:
        """Run cargo. Return None on success, or its last output; and whether one of our limits was reached."""
        output = bytearray()
        guest = guest_folder(self.cache, first_environment(source="none", salt="0", source_date_epoch=None))
        with (lent / "crates.tar").open("wb") as tar:
            completed = self.run(
                container(source, image, limits, guest, lent / "socket", self.registry, self.label),
                _receiver(tar, output),
            )
        if completed.exit_code == 0 and not completed.timed_out and not completed.cut_off:
            return None, False
        if completed.timed_out:
            msg = (
                f"fetching crates for {source.path.name}: timed out after {SECONDS} s; run again with a faster registry"
            )
            raise PackageIndexError(msg)
        if completed.cut_off:
            return f"the crates are more than {LARGEST} bytes", True
        if completed.out_of_memory:
            return f"fetching the crates takes more than {MEMORY} bytes of memory", True
        if completed.exit_code != CARGO_FAILED:
            msg = f"fetching crates for {source.path.name}: the container ended with status {completed.exit_code}"
            raise TransientEngineError(msg)
        return output.decode("utf-8", "replace"), False


@dataclass(frozen=True, slots=True)
class _Ended:
    """How cargo failed."""

    heard: str
    faults: tuple[str, ...]  # of the proxy
    limit: bool  # whether one of our limits was reached


def container(
    source: Source, image: Image, limits: Limits, guest: Path, socket: Path, registry: str | None, label: str
) -> Container:
    """Return the container that fetches crates: without network, except the proxy's socket."""
    spec = {
        "sdist": f"{SDIST}/{source.path.name}",
        "folders": [folder for folder, _ in source.cargo],
        "limit": limits.sdist,
        "members": limits.members,
        "registry": f"sparse+{registry.removesuffix('/')}/" if registry else None,
        "socket": SOCKET,
        "scratch": _SCRATCH,
    }
    return Container(
        image=image.id,
        command=("/usr/bin/python3", "-m", "orchestrator.guest.crates", json.dumps(spec)),
        environment={"PATH": "/usr/bin:/bin", "PYTHONPATH": GUEST, "LC_ALL": "C.UTF-8"},
        user="1111:1111",
        mounts=(
            (str(guest), GUEST),
            (str(source.path), f"{SDIST}/{source.path.name}"),
            (str(socket), SOCKET),
        ),
        scratch={_SCRATCH: f"rw,nosuid,nodev,size={LARGEST},mode=0755,uid=1111,gid=1111"},
        memory=MEMORY,
        file_size=LARGEST,
        seconds=SECONDS,
        label=label,
        loopback=True,
    )


def _receiver(tar: IO[bytes], output: bytearray) -> Callable[[int, bytes], bool]:
    def listen(stream: int, piece: bytes) -> bool:
        if stream == STDOUT:
            tar.write(piece)
            return tar.tell() <= LARGEST
        output.extend(piece)
        del output[:-TAIL]
        return True

    return listen


def _failure(source: Source, ended: _Ended) -> Failure:
    """Return the failure, with cargo's own message."""
    evidence = ended.heard if ended.limit else _innermost(ended.heard)
    where = ", ".join(f"{folder or '.'}/Cargo.lock" for folder, _ in source.cargo)
    detail = f"the crates of {where} cannot be fetched: {evidence or 'cargo failed'}\n{ended.heard[-DETAIL // 2 :]}"
    return Failure(Reason.NEEDS_CRATES, Phase.REQUIREMENTS, detail[:DETAIL], evidence[:300])


def _innermost(heard: str) -> str:
    """Return cargo's error and its root cause, which cargo prints last, each on a line."""
    lines = [line.strip() for line in heard.splitlines()]
    error = next((line for line in lines if line.startswith("error")), "")
    causes = [later for earlier, later in pairwise(lines) if earlier == "Caused by:"]
    return ": ".join(filter(None, (error, *causes[-1:])))
