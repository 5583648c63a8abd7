"""Containers and images of a Docker engine. The only module that imports docker."""

from __future__ import annotations

import io
import math
import os
import re
import struct
import tarfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import LogConfig, Ulimit
from docker.utils import socket as attached

from orchestrator.build import confinement
from orchestrator.build.confinement import LABEL, Container, Network
from orchestrator.errors import EngineError, TransientEngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["LABEL", "STDERR", "STDOUT", "Completed", "Container", "Engine", "LocalImage", "Offer", "connect", "frames"]

_READING = "reading"  # in place of the results, of a container that is never started
_OLD = 3600  # seconds; to read a file takes a few

STDOUT, STDERR = 1, 2

AUTO, ENGINE = "auto", "engine"
"""Settings of `isolation` that name no runtime: the strongest that the engine has, and its default."""

_PLAIN = frozenset({"", "crun", "io.containerd.runc.v2", "runc", "youki"})
"""Runtimes that run a container on the host's kernel as it is: which of them it is makes no difference to a build."""

_STRONGEST = "runsc"  # gVisor: a kernel for each container, in a process without rights
_NATIVE = "/v4.0.0/libpod"  # the oldest version of Podman's own API that has all that is used
_OLDEST_PODMAN = (4, 0)
_GROUP_NAMESPACES = (1, 41)  # the API that has private ones
_NEEDED_CONTROLLERS = frozenset({"cpuset", "memory", "pids"})

_SERVER_FAULT = 500
_PATIENCE = 120  # seconds for an answer of the engine
_PIECE = 1 << 16  # bytes read at once; the library's own reader takes four system calls for each line of a log
_HEAD = struct.Struct(">BxxxL")  # stream and length, before each frame
_REMOVERS = 2  # threads
_LAST_LINES = 30  # of a failed build, in the error
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # the classic builder reddens what a step writes to stderr
_ABSENT = (
    "looking for a container engine: none answers at {tried}; start Docker (or Podman's service), "
    "or name its socket in DOCKER_HOST"
)

_FORBIDDEN = (
    "looking for a container engine: this user has no permission to use {tried}; join the group that owns the socket "
    "(Docker's: sudo usermod -aG docker $USER, then log in again), or use sudo"
)


@dataclass(frozen=True, slots=True)
class Completed:
    """How a command ended."""

    exit_code: int
    timed_out: bool = False
    cut_off: bool = False  # the listener refused more output
    out_of_memory: bool = False


@dataclass(frozen=True, slots=True)
class LocalImage:
    """An image that the engine has."""

    id: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Offer:
    """What an engine is, and what it can do for containers."""

    name: str  # Docker, Podman
    version: str
    runtimes: tuple[str, ...] = ()
    default: str = ""  # the runtime of containers that name none
    seccomp: bool = True
    user_namespaces: bool = False  # whether root in a container is nobody on the host
    rootless: bool = False
    limits: bool = True  # whether memory and processes can be limited
    private_groups: bool = True  # whether a container can have its own view of control groups

    @property
    def is_podman(self) -> bool:
        """Whether it has Podman's own API."""
        return self.name == "Podman"


def offered(version: Mapping[str, Any], info: Mapping[str, Any], own: Mapping[str, Any] | None) -> Offer:
    """Return what an engine offers, by its answers to `version` and `info`.

    They are those of Docker's API; `own` is what Podman's own API answers to `info`, and None of Docker.
    """
    options = {part for one in info.get("SecurityOptions") or () for part in str(one).split(",")}
    host = (own or {}).get("host") or {}
    rootless = "name=rootless" in options or bool((host.get("security") or {}).get("rootless"))
    if own is None:
        # As a plain user, Docker takes limits for nothing without the second version of control groups.
        ineffective = rootless and str(info.get("CgroupVersion", "2")) == "1"
        limits = bool(info.get("MemoryLimit", True) and info.get("PidsLimit", True)) and not ineffective
    else:
        limits = set(host.get("cgroupControllers") or ()) >= _NEEDED_CONTROLLERS
    return Offer(
        name="Docker" if own is None else "Podman",
        version=str(version.get("Version", "")),
        runtimes=tuple(sorted(info.get("Runtimes") or ())),
        default=str(info.get("DefaultRuntime", "")),
        seccomp="name=seccomp" in options,
        user_namespaces=rootless or "name=userns" in options,
        rootless=rootless,
        limits=limits,
        private_groups=_numbers(version.get("ApiVersion")) >= _GROUP_NAMESPACES,
    )


def is_podman(version: Mapping[str, Any]) -> bool:
    """Return whether an answer to `version` is Podman's."""
    return any(str(one.get("Name", "")).startswith("Podman") for one in version.get("Components") or ())


def _numbers(version: object) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", str(version))[:2])


def runtime_of(isolation: str, offer: Offer) -> str:
    """Return the runtime that a setting of `isolation` comes to; empty: the engine's default, if that is a plain one.

    Raises
    ------
    EngineError
        The engine has no such runtime.

    """
    if isolation == AUTO and _STRONGEST in offer.runtimes:
        return _STRONGEST
    if isolation in {AUTO, ENGINE, offer.default}:
        return "" if offer.default in _PLAIN else offer.default
    if isolation in offer.runtimes:
        return isolation
    msg = (
        f"using the runtime {isolation}, as `isolation` in config.yaml asks for: {offer.name} has "
        f"{', '.join(offer.runtimes) or 'none by name'}; install it and register it with the engine, or choose another"
    )
    raise EngineError(msg)


def refusal(offer: Offer) -> str:
    """Return why an engine cannot contain a build; empty where it can."""
    if not offer.seccomp:
        return "it cannot filter system calls (seccomp); use a build of it, and a kernel, that can"
    if not offer.limits:
        return (
            "it cannot limit memory, processes and processors; run it as root, or give its user the controllers "
            "cpuset, memory and pids of the second version of control groups (systemd's Delegate=)"
        )
    return ""


@dataclass(frozen=True, slots=True)
class HeldImage:
    """An image of the engine."""

    id: str
    tags: tuple[str, ...]
    created: float  # seconds since 1970
    size: int  # bytes, with the layers that it shares
    ours: bool  # whether it has a label of ours


class Engine:
    """One engine, shared by all workers. Calls are independent, and each call's container is removed soon after it."""

    def __init__(self, client: docker.APIClient) -> None:
        """Use an engine that answers; `connect` finds one."""
        self._client = client
        self._ceilings = confinement.ceilings()
        self._runtime = ""
        self._running: set[str] = set()
        self._removers = ThreadPoolExecutor(_REMOVERS, thread_name_prefix="removing")
        self._removals: set[Future[None]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def alone(self) -> Engine:
        """Return the same engine, to be stopped without stopping what others run on it."""
        other = Engine(self._client)
        other._runtime = self._runtime
        other._removers = self._removers
        other.__dict__["offer"] = self.offer  # asked once
        return other

    # --- containers --------------------------------------------------------------------------

    def run(self, container: Container, listen: Callable[[int, bytes], bool]) -> Completed:
        """Run one command, with nothing that it may write but its scratch; its network is none, unless it names one.

        `listen` gets each piece of output with its stream, STDOUT or STDERR; when it returns
        False, it has heard enough and the container is killed.

        Raises
        ------
        TransientEngineError
            The engine failed, or the container was killed by neither us nor its own limits.
        EngineError
            The engine refused what it was asked.

        """
        with _translated("running a container"), self._container(container) as identity:
            return self._watch(identity, container.seconds, listen)

    @contextmanager
    def _container(self, container: Container) -> Iterator[str]:
        offer = self.offer
        if why := refusal(offer):
            msg = f"running a container: {offer.name} {offer.version} is no engine for hostile code: {why}"
            raise EngineError(msg)
        if self._ceilings.processes < container.processes:
            msg = (
                f"running a container: it may have {container.processes} processes, but a user no more than "
                f"{self._ceilings.processes} on this host; raise that (ulimit -u, kernel.pid_max), or lower "
                "limits: processes"
            )
            raise EngineError(msg)
        identity = self._created_by_podman(container) if offer.is_podman else self._created(container)
        try:
            self._admit(identity)
            yield identity
        finally:
            self._dismiss(identity)

    def _created(self, container: Container) -> str:
        limits = confinement.limits(container, self._ceilings)
        start = confinement.start_in_docker(container, user_namespaces=self.offer.user_namespaces)
        host = self._client.create_host_config(
            **confinement.for_docker(container, start, self._runtime, private_groups=self.offer.private_groups),
            ulimits=[Ulimit(name=name, soft=soft, hard=hard) for name, (soft, hard) in limits.items()],
            log_config=LogConfig(type="none"),
        )
        host |= {"MaskedPaths": list(confinement.MASKED), "ReadonlyPaths": list(confinement.READ_ONLY)}
        created = self._client.create_container(
            container.image,
            list(start.command),
            environment=dict(container.environment),
            user=start.user,
            hostname=container.hostname,
            domainname="" if start.capabilities else container.domainname,
            working_dir=container.workdir,
            # Both: with networking disabled Docker sets up nothing at all, in half the time;
            # an engine that does not know that setting still knows the mode.
            network_disabled=not container.loopback and container.network is Network.NONE,
            labels={LABEL: container.label},
            host_config=host,
        )
        return str(created["Id"])

    def _created_by_podman(self, container: Container) -> str:
        answer = self._client.post(
            f"{self._client.base_url}{_NATIVE}/containers/create",
            json=confinement.for_podman(container, self._runtime, self._ceilings, rootless=self.offer.rootless),
            timeout=_PATIENCE,
        )
        if not answer.ok:
            kind = TransientEngineError if answer.status_code >= _SERVER_FAULT else EngineError
            msg = f"running a container: Podman refuses it: {answer.text[:1000]}"
            raise kind(msg)
        return str(answer.json()["Id"])

    def _own_info(self, version: str) -> Mapping[str, Any]:
        if _numbers(version) < _OLDEST_PODMAN:
            msg = f"asking the engine what it can do: Podman {version} is too old; use Podman 4.0 or newer, or Docker"
            raise EngineError(msg)
        answer = self._client.get(f"{self._client.base_url}{_NATIVE}/info", timeout=_PATIENCE)
        answer.raise_for_status()
        found: Mapping[str, Any] = answer.json()
        return found

    @cached_property
    def offer(self) -> Offer:
        """What the engine is and can do; asked once.

        Raises
        ------
        EngineError
            It does not answer.

        """
        with _translated("asking the engine what it can do"):
            version, own = self._client.version(), None
            if is_podman(version):
                own = self._own_info(str(version.get("Version", "")))
            info = self._client.info()
            if own is not None:  # Podman lists what is configured, whether it is there or not
                paths = {name: Path(str(one.get("path", ""))) for name, one in (info.get("Runtimes") or {}).items()}
                info = {**info, "Runtimes": [name for name, path in paths.items() if path.is_file()]}
            return offered(version, info, own)

    @property
    def runtime(self) -> str:
        """The runtime of all containers; empty: the engine's default."""
        return self._runtime

    def isolate(self, isolation: str) -> None:
        """Run all containers as a setting of `isolation` asks for; before this, the engine's default runs them.

        Raises
        ------
        EngineError
            The engine has no such runtime.

        """
        self._runtime = runtime_of(isolation, self.offer)

    def _admit(self, identity: str) -> None:
        with self._lock:
            if self._stopped:
                msg = "running a container: the engine is being stopped"
                raise EngineError(msg)
            self._running.add(identity)

    def _dismiss(self, identity: str) -> None:
        """Have a container removed while the next one runs already; what fails is left to `sweep`."""
        removal = self._removers.submit(self._remove, identity)
        with self._lock:
            self._running.discard(identity)
            self._removals = {one for one in self._removals if not one.done()} | {removal}

    def _remove(self, identity: str) -> None:
        with suppress(DockerException, requests.RequestException):
            self._client.remove_container(identity, force=True, v=True)

    def _watch(self, identity: str, seconds: float, listen: Callable[[int, bytes], bool]) -> Completed:
        late = threading.Event()
        sock = self._client.attach_socket(identity, params={"stdout": 1, "stderr": 1, "stream": 1})
        watchdog = threading.Timer(seconds, self._expire, (identity, late))
        watchdog.daemon = True
        cut_off = False
        try:
            self._start(identity)
            watchdog.start()
            for stream, piece in frames(_pieces(sock)):
                if not listen(stream, piece):
                    cut_off = True
                    break
            if cut_off:
                # The engine ends no container whose output somebody holds up.
                _hang_up(sock)
                self._kill(identity)
            code = int(self._client.wait(identity)["StatusCode"])
        finally:
            watchdog.cancel()
            _hang_up(sock)
        if code == 0 or cut_off or late.is_set():
            return Completed(code, timed_out=late.is_set() and not cut_off, cut_off=cut_off)
        state = self._client.inspect_container(identity)["State"]
        if state.get("Error"):
            msg = f"running a container: the engine could not: {state['Error']}"
            raise TransientEngineError(msg)
        return Completed(code, out_of_memory=bool(state.get("OOMKilled")))

    def _start(self, identity: str) -> None:
        """Start a container; kill it where the engine is being stopped: `stop` cannot kill what does not run yet."""
        self._client.start(identity)
        with self._lock:
            stopped = self._stopped
        if stopped:
            self._kill(identity)

    def _expire(self, identity: str, late: threading.Event) -> None:
        late.set()
        self._kill(identity)

    def _kill(self, identity: str) -> None:
        with suppress(DockerException, requests.RequestException):
            self._client.kill(identity)

    def stop(self) -> None:
        """Kill what runs, and start nothing any more: the run is being interrupted."""
        with self._lock:
            self._stopped = True
            running = tuple(self._running)
        for identity in running:
            self._kill(identity)

    def sweep(self, label: str, before: float = math.inf) -> int:
        """Remove the containers that a killed run of the same label left behind; return how many.

        Those that are being removed anyway do not count. Only those that were created before a time, in seconds of
        Unix, are removed.
        """
        with self._lock:
            removals = tuple(self._removals)
        wait(removals)
        with _translated("removing containers that were left behind"):
            left = self._client.containers(all=True, filters={"label": f"{LABEL}={label}"})
            reading = self._client.containers(all=True, filters={"label": f"{LABEL}={_READING}"})
            left += [one for one in reading if one["Created"] < time.time() - _OLD]
            old = [one for one in left if one["Created"] < before]
            for one in old:
                with suppress(NotFound):
                    self._client.remove_container(one["Id"], force=True, v=True)
            return len(old)

    # --- images ------------------------------------------------------------------------------

    def image(self, reference: str) -> LocalImage | None:
        """Return the image of that tag or id, or None if the engine has none."""
        with _translated(f"looking for the image {reference}"):
            try:
                found = self._client.inspect_image(reference)
            except ImageNotFound:
                return None
            return LocalImage(found["Id"], found["Config"].get("Labels") or {})

    def pull(self, reference: str) -> bool:
        """Pull an image by digest; False if no registry gives it."""
        try:
            for step in self._client.pull(reference, stream=True, decode=True):
                if "error" in step:
                    return False
        except (APIError, requests.RequestException):
            return False
        return self.image(reference) is not None

    def import_root(self, archive: Path, tag: str) -> str:
        """Make an image of one layer from a root file system's tar; return its id."""
        with _translated(f"importing the root file system {archive.name}"), archive.open("rb") as stream:
            self._client.import_image_from_data(stream, repository=tag)
        found = self.image(tag)
        if found is None:
            msg = f"importing the root file system {archive.name}: the engine took it, but has no image {tag}"
            raise EngineError(msg)
        return found.id

    def build_image(
        self,
        context: IO[bytes],
        tag: str,
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
        log: Callable[[str], None],
    ) -> str:
        """Build an image with the classic builder from a context's tar; return its id.

        Raises
        ------
        EngineError
            A step of the Dockerfile failed; the message ends with what it printed last.

        """
        lines: list[str] = []
        with _translated(f"building the image {tag}"):
            steps = self._client.build(
                fileobj=context,
                custom_context=True,
                tag=tag,
                buildargs=dict(arguments),
                labels=dict(labels),
                rm=True,
                forcerm=True,
                decode=True,
                # The host's network: a build host behind a proxy or its own name server works as it is.
                network_mode="host",
            )
            for step in steps:
                for line in _COLOUR.sub("", str(step.get("stream", ""))).splitlines():
                    log(line)
                    lines = [*lines[-_LAST_LINES:], line]
                if "error" in step:
                    msg = f"building the image {tag}: {step['error']}\n" + "\n".join(lines)
                    raise EngineError(msg)
        found = self.image(tag)
        if found is None:
            msg = f"building the image {tag}: the engine built it, but does not have it"
            raise EngineError(msg)
        return found.id

    def tag(self, image: str, repository: str, tag: str) -> None:
        """Give an image one more name."""
        with _translated(f"naming the image {repository}:{tag}"):
            self._client.tag(image, repository, tag)

    def held_images(self) -> tuple[HeldImage, ...]:
        """List the images of the engine, except those that only other images are built on."""
        with _translated("listing images"):
            return tuple(_held(one) for one in self._client.images())

    def images_in_use(self) -> frozenset[str]:
        """Return the ids of the images that containers have, running or not."""
        with _translated("listing containers"):
            return frozenset(str(one["ImageID"]) for one in self._client.containers(all=True))

    def remove_image(self, reference: str) -> None:
        """Forget an image, if it is there, nothing uses it and the engine finds the time."""
        with suppress(APIError, requests.RequestException):
            self._client.remove_image(reference)

    def read_file(self, image: str, path: str) -> bytes:
        """Return one file of an image, without running anything in it; nothing if it has no such file."""
        with _translated(f"reading {path} from the image {image}"):
            identity = self._client.create_container(image, ["/bin/true"], labels={LABEL: _READING})["Id"]
            try:
                pieces, _ = self._client.get_archive(identity, path)
                return _only_file(pieces)
            except NotFound:
                return b""
            finally:
                self._client.remove_container(identity, force=True)

    @property
    def version(self) -> str:
        """The engine's name and version, for the log."""
        offer = self.offer
        return f"{offer.name} {offer.version}".strip()


def _held(found: Mapping[str, Any]) -> HeldImage:
    tags = (str(tag).removeprefix("localhost/") for tag in found.get("RepoTags") or ())
    digests = [str(one) for one in found.get("RepoDigests") or () if not str(one).startswith("<none>")]
    labels = found.get("Labels") or {}
    return HeldImage(
        id=str(found["Id"]),
        tags=tuple(tag for tag in tags if tag != "<none>:<none>") or tuple(digests),
        created=float(found.get("Created") or 0),
        size=int(found.get("Size") or 0),
        ours=any(str(name).startswith(f"{LABEL}.") for name in labels),
    )


def connect() -> Engine:
    """Find the engine to use: DOCKER_HOST, Docker's default socket, or Podman's.

    Raises
    ------
    EngineError
        None of them answers; the message names what was tried.

    """
    tried = _addresses()
    for address in tried:
        try:
            client = docker.APIClient(base_url=address, version="auto", timeout=_PATIENCE)
        except (DockerException, requests.RequestException):
            continue
        # No proxy stands before a socket; to look for one costs more than a call does.
        client.trust_env = not address.startswith("unix://")
        return Engine(client)
    raise EngineError(unreachable(tried, is_forbidden))


def unreachable(tried: Iterable[str], forbidden: Callable[[str], bool]) -> str:
    """Return why no engine answers at the addresses that were tried, and what to do.

    `forbidden` returns whether this user may not use the socket at an address.
    """
    if refused := [address for address in tried if forbidden(address)]:
        return _FORBIDDEN.format(tried=", ".join(refused))
    return _ABSENT.format(tried=", ".join(tried))


def is_forbidden(address: str) -> bool:
    """Return whether there is a socket at an address that this user may not use."""
    path = address.removeprefix("unix://")
    return path != address and os.path.exists(path) and not os.access(path, os.R_OK | os.W_OK)  # noqa: PTH110 - Path raises where it may not look


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    while (piece := attached.read(stream, _PIECE)) != b"":
        yield piece or b""  # None: there was nothing to read after all


def frames(pieces: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Split the output of an attached container, whose pieces end anywhere, into (stream, some of its bytes).

    As the engine's API has it under "attach to a container": each frame has a head of eight bytes.
    """
    stream, left, head = 0, 0, b""
    for piece in pieces:
        at = 0
        while at < len(piece):
            if left:
                taken = piece[at : at + left]
                at, left = at + len(taken), left - len(taken)
                yield stream, taken
                continue
            start = piece[at : at + _HEAD.size - len(head)]
            at, head = at + len(start), head + start
            if len(head) == _HEAD.size:
                (stream, left), head = _HEAD.unpack(head), b""


def _addresses() -> tuple[str, ...]:
    if named := os.environ.get("DOCKER_HOST"):
        return (named,)
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}"))
    sockets = (
        Path("/var/run/docker.sock"),
        runtime / "docker.sock",
        Path("/run/podman/podman.sock"),
        runtime / "podman/podman.sock",
    )
    return tuple(f"unix://{socket}" for socket in sockets)


def _hang_up(stream: IO[bytes]) -> None:
    """Close an attached stream at once; its own `close` leaves the connection to the garbage collector."""
    response = getattr(stream, "_response", None)
    if response is not None:
        response.close()
    stream.close()


def _only_file(pieces: Iterator[bytes]) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as archive:
        for member in archive:
            if (stream := archive.extractfile(member)) is not None:
                return stream.read()
    return b""


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    """Turn the library's exceptions into ours, once, at this border."""
    try:
        yield
    except APIError as error:
        transient = error.status_code is None or error.status_code >= _SERVER_FAULT
        kind = TransientEngineError if transient else EngineError
        msg = f"{doing}: the engine says: {error.explanation or error}"
        raise kind(msg) from error
    except (DockerException, requests.RequestException, OSError) as error:
        msg = f"{doing}: the engine does not answer: {error}"
        raise TransientEngineError(msg) from error
