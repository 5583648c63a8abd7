"""A virtual host that runs: commands in it, its engine, files into it, and ports that both sides share.

Only loopback addresses are used. Everything between the two hosts goes through one ssh connection.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.virtual_host import image, packages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.virtual_host.image import Disks

PROCESSOR = "Nehalem"
"""A model of 2008: it has x86-64-v2 and nothing of v3, so no AVX. `qemu-system-x86_64 -cpu help` lists others."""

_CHECKOUT = Path(__file__).parents[2]
STORE = "/data"
"""Its disk, for large files too: what is below stays from one boot to the next."""

_CODE = f"{STORE}/wheelproof"
_AUTHORITIES = f"{_CODE}/authorities.pem"
_SENT = ("orchestrator", "images", "profiles", "config.yaml")  # of the checkout
_START = 300.0  # seconds for sshd, and then for the engine, to answer: emulation is slow on a busy machine
_STOP = 60.0  # seconds to end orderly
_EVERY = 0.5  # seconds
_IDENTITY = ("docker", "image", "inspect", "--format={{.Id}}")
_SHUT_DOWN = """
pid=$(cat /run/docker.pid) && kill "$pid" && while [ -e "/proc/$pid" ]; do sleep 0.1; done
cd / && umount /data
sync && echo o >/proc/sysrq-trigger
"""


class VirtualHost:
    """A virtual machine with an engine; root runs commands in it."""

    def __init__(self, disks: Disks, sockets: Path, processor: str, processors: int, memory: int) -> None:
        """Boot from those disks, with `memory` in MiB; `sockets` is a folder with a short path."""
        self._disks = disks
        self._sockets = sockets
        self._port = free_port()
        self._connection: subprocess.Popen[bytes] | None = None
        command = _command(disks, processor, processors, memory, self._port)
        with (disks.folder / "qemu.log").open("wb") as log:
            # qemu keeps what the machine changes on its root file system in TMPDIR.
            environment = {**os.environ, "TMPDIR": str(disks.folder)}
            self._machine = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )

    @property
    def engine(self) -> str:
        """The address of its engine, as DOCKER_HOST has it on this side."""
        return f"unix://{self._sockets}/docker.sock"

    def wait(self) -> None:
        """Wait until sshd and the engine answer, and connect; a RuntimeError has the end of the console."""
        self._until(self._connect, "sshd")
        self._until(lambda: self.run("docker", "info", check=False).returncode == 0, "its engine")
        self.run("sh", "-c", "docker ps --all --quiet | xargs --no-run-if-empty docker rm --force")  # of a former boot
        self._forward("-L", f"{self._sockets}/docker.sock:/run/docker.sock")

    def run(
        self, *command: str, stdin: bytes = b"", check: bool = True, timeout: float | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command in it to its end, without a shell; its output is captured."""
        line = [*self._ssh(), shlex.join(command)]
        return subprocess.run(line, input=stdin, capture_output=True, check=check, timeout=timeout)

    def begin(self, *command: str, log: Path) -> subprocess.Popen[bytes]:
        """Start a command in it; SIGHUP reaches it there when the process here ends."""
        with log.open("ab") as output:
            line = [*self._ssh("-tt"), shlex.join(command)]
            return subprocess.Popen(line, stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True)

    def put(self, folder: Path, target: str, *names: str) -> None:
        """Copy those files and folders of a folder, everything by default, into a folder of it."""
        self.run("mkdir", "-p", target)
        packing = ["tar", "-C", str(folder), "--exclude=__pycache__", "-cf", "-", *(names or (".",))]
        unpacking = [*self._ssh(), shlex.join(("tar", "-C", target, "--no-same-owner", "-xf", "-"))]
        _pipe(packing, unpacking)

    def copy_image(self, name: str) -> None:
        """Bring an image over from the engine of this side; nothing happens if the host has it."""
        wanted = subprocess.run([*_IDENTITY, name], capture_output=True, check=True).stdout
        if self.run(*_IDENTITY, name, check=False).stdout != wanted:
            _pipe(["docker", "save", name], [*self._ssh(), "docker load --quiet"])

    def show(self, port: int) -> None:
        """Let the host reach a port of 127.0.0.1 of this side, under the same address."""
        self._forward("-R", f"127.0.0.1:{port}:127.0.0.1:{port}")

    def reach(self, port: int) -> None:
        """Let this side reach a port of 127.0.0.1 of the host, under the same address."""
        self._forward("-L", f"127.0.0.1:{port}:127.0.0.1:{port}")

    def install(self) -> None:
        """Bring the checkout over, and the Python packages that it needs, for the host's own Python."""
        script = "import platform; print(platform.python_version())"
        version = self.run("python3", "-c", script).stdout.decode().strip()
        wheels = self._disks.folder / f"packages-{version}"
        versions, mark = packages.install(wheels, version), f"{_CODE}/versions"
        if self.run("cat", mark, check=False).stdout != versions:
            self.run("rm", "-rf", mark, f"{_CODE}/packages")
            self.put(wheels, f"{_CODE}/packages")
            self.run("tee", mark, stdin=versions)  # they are complete
        self.run("rm", "-rf", f"{_CODE}/checkout")
        self.put(_CHECKOUT, f"{_CODE}/checkout", *_SENT)
        self.run("tee", _AUTHORITIES, stdin=packages.authorities())

    def python(self, *arguments: str) -> tuple[str, ...]:
        """Return the command that runs the host's Python with what `install` brought."""
        path = f"PYTHONPATH={_CODE}/checkout:{_CODE}/packages"
        trust = (f"SSL_CERT_FILE={_AUTHORITIES}", f"REQUESTS_CA_BUNDLE={_AUTHORITIES}")
        return ("env", f"--chdir={_CODE}/checkout", path, *trust, "python3", *arguments)

    def begin_worker(self, scheduler: str, *options: str, log: Path) -> subprocess.Popen[bytes]:
        """Start a worker of the farm in it, with options of `dask worker`; it joins a scheduler of 127.0.0.1 here.

        The worker listens on a port of 127.0.0.1, which is the same on both sides: its contact address needs nothing
        more. The scheduler's port must have been given to `show`, and so must that of every worker of this side that
        the worker is to ask for something.
        """
        port = free_port()
        self.reach(port)
        listen = f"{scheduler.partition(':')[0]}://127.0.0.1:{port}"
        addresses = ("--listen-address", listen, "--contact-address", listen)
        command = ("-m", "dask", "worker", scheduler, *addresses, *worker_options(f"{STORE}/worker"), *options)
        return self.begin(*self.python(*command), log=log)

    def freeze(self) -> None:
        """Stop the whole host, so that nothing answers and no connection ends: what a partition looks like."""
        self._machine.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the host go on after `freeze`."""
        self._machine.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the host as a power cut does."""
        self._machine.kill()
        self._machine.wait()

    def stop(self) -> None:
        """Shut the host down, and end it if that takes too long."""
        self.thaw()
        try:
            if self._machine.poll() is None and self._connection is not None:
                self.run("sh", "-c", _SHUT_DOWN, check=False, timeout=_STOP)
                self._machine.wait(_STOP)
        except subprocess.TimeoutExpired:
            pass  # it is killed
        finally:
            self.kill()
            if self._connection is not None:
                self._connection.kill()
                self._connection.wait()

    def _ssh(self, *options: str) -> list[str]:
        disks = self._disks
        settings = (
            *("BatchMode=yes", "StrictHostKeyChecking=yes", "HostKeyAlias=second", "ConnectTimeout=10"),
            *(f"UserKnownHostsFile={disks.known_hosts}", "ExitOnForwardFailure=yes", "LogLevel=ERROR"),
            f"ControlPath={self._sockets}/ssh",
        )
        values = (value for setting in settings for value in ("-o", setting))
        # No file of the user's: it may have other settings for this address.
        return ["ssh", "-F", "none", *values, "-i", str(disks.key), "-p", str(self._port), *options, "root@127.0.0.1"]

    def _connect(self) -> bool:
        """Open the connection that all commands share; whether it answers."""
        if self._connection is None or self._connection.poll() is not None:
            with (self._disks.folder / "ssh.log").open("wb") as log:
                self._connection = subprocess.Popen(
                    self._ssh("-M", "-N"), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
        return subprocess.run(self._ssh("-O", "check"), capture_output=True, check=False).returncode == 0

    def _forward(self, way: str, addresses: str) -> None:
        subprocess.run(self._ssh("-O", "forward", way, addresses), capture_output=True, check=True)

    def _until(self, answers: Callable[[], bool], who: str) -> None:
        """Wait for something that a booting host does."""
        latest = time.monotonic() + _START
        while not answers():
            if self._machine.poll() is not None or time.monotonic() > latest:
                logs = "\n".join(_end(self._disks.folder / name) for name in ("qemu.log", "console.log", "ssh.log"))
                msg = f"starting a virtual host: {who} does not answer; its logs end:\n{logs}"
                raise RuntimeError(msg)
            time.sleep(_EVERY)


@contextmanager
def virtual_host(
    folder: Path, *, processor: str = PROCESSOR, processors: int = 2, memory: int = 4096
) -> Iterator[VirtualHost]:
    """Give a host whose engine answers; it is shut down at the end.

    The folder keeps its disks (about 1 GB, and its engine's images), so that later starts are quicker. One host at a
    time may use a folder. `memory` is in MiB.

    Raises:
        RuntimeError: programs are missing, or the host does not start.

    """
    sockets = Path(tempfile.mkdtemp(prefix="wheelproof-host-"))
    host: VirtualHost | None = None
    try:
        host = VirtualHost(image.prepare(folder.resolve()), sockets, processor, processors, memory)
        host.wait()
        yield host
    finally:
        if host is not None:
            host.stop()
        shutil.rmtree(sockets)


def accelerator(flags: frozenset[str], *, kvm: bool) -> str:
    """Choose how qemu runs the machine, from this processor's flags and whether /dev/kvm may be used.

    A paravirtual KVM (PVM), as some hosted machines have it, lacks the processor's extension: it opens, but it runs no
    ordinary kernel.
    """
    return "kvm" if kvm and flags & {"vmx", "svm"} else "tcg,thread=multi"


def _command(disks: Disks, processor: str, processors: int, memory: int, port: int) -> list[str]:
    """Return the command that boots a host, whose sshd is reached at that port of 127.0.0.1."""
    how = accelerator(processor_flags(Path("/proc/cpuinfo").read_text()), kvm=os.access("/dev/kvm", os.R_OK | os.W_OK))
    kernel = "console=ttyS0 quiet root=/dev/vda rootfstype=ext4 panic=-1 mitigations=off init=/usr/bin/tini"
    return [
        # Emulation takes all the time that it gets: what else runs on this side comes first.
        *("nice", "-n", "3", "qemu-system-x86_64", "-M", "q35", "-nodefaults", "-display", "none", "-no-reboot"),
        *("-accel", how, "-cpu", processor, "-smp", str(processors), "-m", str(memory)),
        *("-serial", f"file:{disks.folder}/console.log"),
        *("-kernel", str(disks.kernel), "-initrd", str(disks.initrd)),
        *("-append", f"{kernel} -- /usr/local/sbin/start"),
        *("-drive", f"file={disks.root},format=raw,if=virtio,snapshot=on"),
        *("-drive", f"file={disks.data},format=raw,if=virtio,discard=unmap"),
        *("-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{port}-:22", "-device", "virtio-net-pci,netdev=net"),
        *("-device", "virtio-rng-pci"),
    ]


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, as an operator does; what does not end is killed."""
    process.terminate()
    try:
        process.wait(_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def worker_options(folder: str) -> tuple[str, ...]:
    """Return the options of `dask worker` for a worker of the farm that has that folder, as scripts/systemd has them.

    Without a nanny, its process is the one that is begun; without a limit, no memory of the host is Dask's to count.
    """
    process = ("--nworkers", "1", "--no-nanny", "--memory-limit", "0", "--local-directory", f"{folder}/dask")
    status = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0")
    return (*process, *status, "--preload", "orchestrator.farm.worker", "--folder", folder)


def processor_flags(cpuinfo: str) -> frozenset[str]:
    """Return the flags of the first processor of /proc/cpuinfo."""
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    return next((frozenset(value.split()) for key, _, value in lines if key.strip() == "flags"), frozenset())


def _pipe(first: list[str], second: list[str]) -> None:
    """Run two commands, the second on the output of the first; a CalledProcessError has the output of the second."""
    with subprocess.Popen(first, stdout=subprocess.PIPE) as giving:
        subprocess.run(second, stdin=giving.stdout, capture_output=True, check=True)
    if giving.returncode:
        raise subprocess.CalledProcessError(giving.returncode, first)


def free_port() -> int:
    """Find a port of 127.0.0.1 that nothing uses now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _end(log: Path) -> str:
    return log.read_text(errors="replace")[-1500:] if log.exists() else ""
