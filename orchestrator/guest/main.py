"""What runs inside the container: unpack the sdist, look around, call one hook, hand over what it made.

Standard library only, for any Python from 3.9 on.

It speaks on standard output, in lines of JSON: first `{"probe": {...}}`; where it was told to ask
for the dynamic build requirements, `{"asked": [...]}`; then one of `{"failure": {"phase", "reason",
"detail"}}`, `{"failed": status}`, `{"missing": true}` (the answer names more than there is) or
`{"file": name, "size": bytes}` followed by that many bytes. What a hook prints goes to standard error.
Where a remedy asks for something to be done to the finished wheel, `postprocess.py` does it.
`build/protocol.py` has the schema of each frame, and their order.

The guest is process 1 of its container, and it alone has the channel. No code of the package or of
its build requirements runs in it: a hook is called in a forked process, which closes the channel
before it reads the build requirements' folder. Since both have one user, the guest makes itself
undumpable, which closes `/proc/1`, ptrace(2) and pidfd_getfd(2) to the hook; and when the hook has
ended, the guest kills all that is left before it looks at anything that was made.

It ends by itself when its time is up, with TIMED_OUT, whether or not anyone attends to it.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import tarfile
import time

from orchestrator.guest.archive import CHUNK, Unfit, directory_of_zip, opened, survey, unpack
from orchestrator.guest.probe import line_of, probe

# Every build waits for what is imported here; so typing, dataclasses and zipfile are not.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType
    from typing import Any, NoReturn


TIMED_OUT = 124  # the exit status once its time is up, as timeout(1) has it
CRASHED = 70  # after a hook was called, which may have caused it; EX_SOFTWARE of sysexits.h
UNREADY = 71  # before any hook was called, so that no package can have caused it; EX_OSERR
PAUSE = 0.05  # seconds between two looks at a hook while something else of the container sends signals


ROOT = os.path.abspath(__file__).rsplit(os.sep, 3)[0]
"""The folder from which Python imports the guest."""
LONGEST_DETAIL = 2000  # characters
LONGEST_REQUIREMENT = 4000  # characters; Python itself reads no number of more than 4,300 digits
MOST_REQUIREMENTS = 4000
MEMBER = 46  # bytes of what a zip's list has of a member, before its name (APPNOTE.TXT, 4.3.12)
GROUP = "/sys/fs/cgroup"  # this container's; in the first version of control groups, a folder for each matter
QUEUES = "/dev/mqueue"  # POSIX message queues are files there (mq_overview(7))
NEAR = 1 << 20  # bytes; a kernel asks for several pages at once


def members_of_zip(path: str, most: int) -> int:
    """Count a zip's members as zipfile will find them, without keeping any; no further than one more than `most`.

    The number that the zip itself names counts for nothing there. What is no list of members ends the count.
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
    """Return a file's text; nothing where it cannot be read."""
    try:
        with open(path) as stream:
            return stream.read()
    except OSError:
        return ""


def call_hook(spec: dict[str, Any], name: str, root: str, out: str) -> Any:  # noqa: ANN401 - what it returns
    """Call a build backend's hook as PEP 517 says, in the source's folder."""
    import importlib  # noqa: PLC0415

    os.chdir(root)
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


def call_pip(spec: dict[str, Any], out: str) -> Any:  # noqa: ANN401 - the name of a file, if there is one
    """Call `pip wheel` in the words of 2020; that it is offline and finds the sdist is said by its environment.

    So it builds in a folder of random name, with the build requirements that are there, and
    nothing of what the project requires when it is used.
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
    subprocess.check_call(command)  # noqa: S603 - no shell, and a name that the index has normalized
    made = [name for name in os.listdir(out) if name.endswith(".whl")]
    return made[0] if len(made) == 1 else None


def run_hook(spec: dict[str, Any], name: str, root: str, out: str, voice: HostChannel) -> tuple[int, Any, float]:
    """Call the hook in a process of its own; return its exit status, its value and its processor time.

    Whatever else the hook began is dead when this returns. The value is None where the hook gave none
    that can be read. Raises Unfit where the hook changed this process's limits.
    """
    limits = _text("/proc/self/limits")
    answer = os.memfd_create("answer")  # unlike a pipe, no process left behind can hold it open
    # A hook may send signals to this process, as many as it likes. The kernel drops those without a handler, for
    # this is process 1; of these two, which are looked at in between, it keeps one each.
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
    if limits != _text("/proc/self/limits"):  # prlimit(2) asks for no more than the same user
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
    """Tell whether a child has ended, and leave it to be waited for."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def answered(text: bytes) -> Any:  # noqa: ANN401 - whatever the hook wrote
    """Read what a hook wrote as its value; None where it cannot be read, or is longer than CHUNK."""
    try:
        return json.loads(text) if 0 < len(text) <= CHUNK else None
    except (ValueError, RecursionError, MemoryError):
        return None


def kill_all() -> None:
    """Kill every other process of the container, so that nothing changes any more; elsewhere, nothing."""
    if os.getpid() == 1:
        try:  # noqa: SIM105 - contextlib takes its time
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass


def reap_all() -> None:
    """Wait until all that was killed has ended; as process 1 this one is the parent of whatever lost its own."""
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
        by_pip = spec.get("pip") and name == "build_wheel"
        value = call_pip(spec, out) if by_pip else call_hook(spec, name, root, out)
        os.write(answer, json.dumps(value).encode())
        status = 0
    except SystemExit as asked:
        print(f"the build backend called sys.exit({asked.code!r})", file=sys.stderr)  # noqa: T201 - into the log
    except BaseException:  # noqa: BLE001 - whatever it is, it is the package's
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def require(folder: str) -> None:
    """Let this process have the build requirements, as if Python had been started with them on PYTHONPATH."""
    import site  # noqa: PLC0415

    os.environ.pop("HOSTNAME", None)  # put there by the engine, and no decision of ours
    os.environ["PYTHONPATH"] = folder
    ours = ROOT
    sys.path[:] = [folder, *(one for one in sys.path if one != ours)]
    for name in hidden(os.listdir(folder), sys.modules):
        del sys.modules[name]
    sys.modules.pop("sitecustomize", None)
    site.execsitecustomize()


def hidden(files: Iterable[str], modules: Iterable[str]) -> list[str]:
    """List the modules that were imported already, but would now be found among the files of a folder.

    Those that Python itself starts with stay: it finds most of them in itself, wherever others are.
    """
    there = {file.partition(".")[0] for file in files}
    tops = ((name, name.partition(".")[0]) for name in modules)
    return [name for name, top in tops if top in there and top not in Watch.started_with]


def forks_refused() -> bool:
    """Tell whether the limit on processes was hit, in either version of control groups."""
    for path in ("/sys/fs/cgroup/pids/pids.events", "/sys/fs/cgroup/pids.events"):
        try:
            return int(line_of(path).rpartition(" ")[2]) > 0
        except (OSError, ValueError):
            continue
    return False


def short_of_memory(group: str = GROUP) -> str:
    """Tell what had a process of this container killed for want of memory: its own `limit`, or the `host`; or nothing.

    By the counters of control groups (cgroup-v2.rst, memory.events; cgroup-v1/memory.rst, 3). A kernel
    that has no memory left itself, or a group around ours, kills in one that never reached its limit.
    """
    if _counted(f"{group}/memory.events", "oom_kill"):
        return "limit" if _counted(f"{group}/memory.events", "oom") else "host"
    if _counted(f"{group}/memory/memory.oom_control", "oom_kill"):
        most, limit = (_counted(f"{group}/memory/memory.{one}_in_bytes") for one in ("max_usage", "limit"))
        return "limit" if most > limit - NEAR else "host"
    return ""


def went_short() -> bool:
    """Tell whether a hook lacked what it asked for: one that goes on all the same may have made something else."""
    return bool(short_of_memory()) or forks_refused()


def _counted(path: str, name: str = "") -> int:
    """Read one of a control group's counters, the one of that name where it has several; 0 where there is none."""
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
    """Tell whether every scratch folder still has room."""
    return all(os.statvfs(folder).f_bavail > 0 for folder in folders if os.path.isdir(folder))


def produced(out: str, name: object, limit: int) -> tuple[str, int]:
    """Return the path and size of the file that a hook says it made; raises Unfit where it did not."""
    if not isinstance(name, str) or not name or name != os.path.basename(name):
        raise Unfit("no-wheel", f"the build backend names {name!r} as what it made")
    path = os.path.join(out, name)
    try:
        found = os.lstat(path)
    except (OSError, ValueError):  # the latter where no file can have that name
        raise Unfit("no-wheel", f"the build backend names {name!r}, which is not there") from None
    if not stat.S_ISREG(found.st_mode):
        raise Unfit("unsafe-wheel", f"{name!r} is not a plain file")
    if found.st_size > limit:
        raise Unfit("wheel-too-large", f"{name!r} has {found.st_size} bytes, more than {limit}")
    if plain(name) != name:
        raise Unfit("unsafe-wheel", f"the name {name!r} is not UTF-8")
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NOFOLLOW))
    except OSError as error:
        raise Unfit("unsafe-wheel", f"{name!r} cannot be read: {error.strerror}") from None
    return path, found.st_size


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever a frame has
    """Return the same with all text fit for UTF-8: what is no character, in names above all, is spelt out."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return {key: plain(one) for key, one in value.items()} if isinstance(value, dict) else value


def shown(text: str) -> str:
    """Return a text on one line, cut, with each character that does not show spelt out; it may be the package's."""
    cut = text[:LONGEST_DETAIL]
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in cut)[:LONGEST_DETAIL]


class HostChannel:
    """The one channel to the host."""

    def __init__(self) -> None:
        """Keep standard output for ourselves; what anyone else prints goes to standard error."""
        self.descriptor = os.dup(1)
        self.hooked = False  # whether a hook was called: from then on, the package may have caused what happens
        os.dup2(2, 1)

    def close(self) -> None:
        """Close the channel, in a process that does not speak for us."""
        os.close(self.descriptor)

    def say(self, **frame: object) -> None:
        """Send one line of JSON."""
        self._write(json.dumps(plain(frame)).encode() + b"\n")

    def refuse(self, phase: str, finding: Unfit) -> None:
        """Send what is wrong with the package."""
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
    """Do all that is to be done in one container; return its exit status."""
    os.umask(spec["umask"])
    root: str = spec["source"]
    try:
        unpack_sdist(spec, root)
        voice.say(probe=probe(root, spec["requirements"]))
        if spec["ask"]:
            if (status := ask(spec, root, voice)) is not None:
                return status
            clear((*spec["scratch"], QUEUES))
            unpack_sdist(spec, root)
    except Unfit as finding:
        voice.refuse("unpack", finding)
        return 1
    return build(spec, root, voice)


def unpack_sdist(spec: dict[str, Any], root: str) -> None:
    """Unpack the sdist; raises Unfit where that cannot be."""
    os.close(os.open(spec["sdist"], os.O_RDONLY))  # where we may not read it, the package is not to blame
    archive = opened(spec["sdist"])
    try:
        unpack(archive, survey(archive, spec["limit"], spec["members"]), root, reverse=spec["reverse"])
    except Unfit:
        raise
    except Exception as error:  # noqa: BLE001 - as in opened
        raise Unfit("broken-sdist", f"cannot be unpacked: {error}") from None
    finally:
        archive.close()


def ask(spec: dict[str, Any], root: str, voice: HostChannel) -> int | None:
    """Ask for the dynamic build requirements; None when all of them are there, so that the build can go on."""
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
    """Return the dynamic build requirements; raises Unfit where a hook's answer cannot be a list of them."""
    if not isinstance(answer, list):
        raise Unfit("missing-build-requirement", "the build backend names no list of build requirements")
    if len(answer) > MOST_REQUIREMENTS:
        raise Unfit("missing-build-requirement", f"the build backend names {len(answer)} build requirements")
    for one in answer:
        if why := unreadable(one):
            raise Unfit("missing-build-requirement", why)
    return answer


def unreadable(requirement: object) -> str:
    """Tell why nothing can be a requirement that looks like this; nothing where it may be one."""
    if not isinstance(requirement, str):
        return f"a build requirement is not a text, but {str(requirement)[:200]!r}"
    if len(requirement) > LONGEST_REQUIREMENT:
        return f"a build requirement has {len(requirement)} characters: {requirement[:200]!r}..."
    return "" if plain(requirement) == requirement else f"build requirement {requirement[:200]!r} is not Unicode text"


def satisfied(answer: Iterable[object], given: Iterable[str]) -> bool:
    """Tell whether all that a build backend asks for is plainly there: a bare name, and given."""
    names = set(given)
    return all(isinstance(one, str) and one.lower().replace("_", "-") in names for one in answer)


def clear(folders: Iterable[str]) -> None:
    """Empty the scratch folders, so that the build finds what it would find in a new container."""
    import shutil  # noqa: PLC0415 - only where there was something to ask

    for folder in filter(os.path.isdir, folders):
        for one in os.scandir(folder):
            if one.is_dir(follow_symlinks=False):
                _open_up(one.path)
                shutil.rmtree(one.path, ignore_errors=True)
            else:
                os.unlink(one.path)


def _open_up(folder: str) -> None:
    """Let all folders below one be emptied, whatever modes a hook gave them."""
    os.chmod(folder, 0o700)  # so that rmtree gets in
    for path, folders, _ in os.walk(folder):
        for name in folders:
            if not os.path.islink(os.path.join(path, name)):
                os.chmod(os.path.join(path, name), 0o700)


def build(spec: dict[str, Any], root: str, voice: HostChannel) -> int:
    """Call the hook, and hand over what it made."""
    out = os.path.join(os.path.dirname(root), "out")
    os.makedirs(out)
    try:
        status, name, seconds = run_hook(spec, spec["hook"], root, out, voice)
    except Unfit as finding:
        voice.refuse(spec["hook"].replace("_", "-"), finding)
        return 1
    if status != 0 or went_short():
        return tell_failure(spec, status, voice)
    try:
        path, size = produced(out, name, spec["wheel"])
    except Unfit as finding:
        voice.refuse("wheel", finding)
        return 1
    if spec["finish"]:
        if not finished(path, spec["finish"], spec["epoch"]):
            voice.refuse("finish", Unfit("build-error", "the remedy could not be applied"))
            return 1
        size = os.stat(path).st_size
    voice.hand_over(path, size, cpu_seconds=seconds)
    return 0


def finished(path: str, steps: list[str], epoch: int) -> bool:
    """Do to a wheel what a remedy asks for, in a process that sees nothing of the package; tell whether it worked."""
    ours = os.path.join(os.path.dirname(os.path.abspath(__file__)), "postprocess.py")
    command = [sys.executable, "-I", ours, str(epoch), ",".join(steps), path]
    child = os.posix_spawn(sys.executable, command, {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def tell_failure(spec: dict[str, Any], status: int, voice: HostChannel) -> int:
    """Tell that a hook failed, and which limits it had hit."""
    left = space_left(spec["scratch"])
    voice.say(failed=status, forks_refused=forks_refused(), space_left=left, short_of_memory=short_of_memory())
    return 1


def compile_all(root: str, out: str) -> int:
    """Compile every module below a folder, and write them to standard output as a tar.

    Nothing is imported or run. What does not compile (another Python's syntax, say) is left out.
    """
    import importlib.util  # noqa: PLC0415 - builds have no use for these
    import py_compile  # noqa: PLC0415

    with os.fdopen(os.dup(1), "wb") as stream, tarfile.open(fileobj=stream, mode="w|") as archive:
        for folder, folders, files in os.walk(root):
            folders.sort()
            for name in sorted(one for one in files if one.endswith(".py")):
                source = os.path.join(folder, name)
                path = importlib.util.cache_from_source(os.path.relpath(source, root))
                made = os.path.join(out, "module.pyc")
                try:
                    # Never checked against the source, which never changes.
                    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
                    py_compile.compile(source, made, source, doraise=True, invalidation_mode=mode)
                except (py_compile.PyCompileError, OSError, ValueError, RecursionError, MemoryError):
                    continue
                archive.add(made, path)
    return 0


def inventory() -> int:
    """List the Python distributions of Debian's own folder, as [name, version, Debian's package]."""
    import glob  # noqa: PLC0415 - builds have no use for these
    import re  # noqa: PLC0415
    from importlib.metadata import distributions  # noqa: PLC0415

    folder = "/usr/lib/python3/dist-packages"
    owners = {}
    for listing in glob.glob("/var/lib/dpkg/info/*.list"):
        with open(listing) as stream:
            for line in stream:
                if line.startswith(folder):
                    owners[line.strip()] = os.path.basename(listing)[: -len(".list")].partition(":")[0]
    found = []
    for one in distributions(path=[folder]):
        place = str(getattr(one, "_path", ""))
        if place in owners:
            found.append([re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower(), one.version, owners[place]])
    json.dump(sorted(found), sys.stdout)
    return 0


class Watch:
    """What holds for this process as a whole."""

    until = float("inf")  # by time.monotonic(), which no clock of a build changes
    started_with: frozenset[str] = frozenset()  # the modules that Python itself had imported


def guard(seconds: float) -> None:
    """Make this process fit to attend to hostile ones: let nobody into it, and bound its time.

    Raises
    ------
    OSError
        It cannot be made so, and nothing may be built.

    """
    if os.getpid() != 1:
        raise OSError("the guest is not the container's first process; the engine may not put an init before it")
    make_dumpable(0)
    Watch.until = time.monotonic() + seconds
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, _expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _expire(_signal: int, _frame: FrameType | None) -> None:
    """End when the time is up, and not before, whoever sent the signal. All others end with process 1."""
    left = Watch.until - time.monotonic()
    if left <= 0:
        os._exit(TIMED_OUT)
    signal.setitimer(signal.ITIMER_REAL, left)


def make_dumpable(value: int) -> None:
    """Say whether other processes of our user may look into this one, by prctl(2); 0: they may not.

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
    """Do what the command line says, and end at once: nothing is left that would have to be tidied up."""
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
    except BaseException:  # noqa: BLE001 - whatever it is, the exit status tells whose it may be
        import traceback  # noqa: PLC0415

        traceback.print_exc()
        status = CRASHED if voice and voice.hooked else UNREADY
    os._exit(status)


if __name__ == "__main__":
    start(sys.modules)
