"""The disks of a virtual host, made once and kept in a folder: Debian's kernel, sshd and Docker's engine."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SUITE = "trixie"
_PACKAGES = (
    "linux-image-cloud-amd64",
    "initramfs-tools",
    *("iproute2", "kmod", "mount", "openssh-server", "procps"),
    *("docker.io", "docker-cli", "iptables", "tini", "ca-certificates", "python3"),
)
_START = Path(__file__).with_name("start")
_ROOT_SIZE = "4G"  # sparse
_DATA_SIZE = "24G"  # sparse
_PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "mmdebstrap": "mmdebstrap",
    "genext2fs": "genext2fs",
    "resize2fs": "e2fsprogs",
    "ssh": "openssh-client",
}


@dataclass(frozen=True, slots=True)
class Disks:
    """The files of a virtual host, all in one folder."""

    folder: Path

    @property
    def root(self) -> Path:
        """The root file system, named after what it is made from; a machine never changes it."""
        return self.folder / f"root-{_digest()}.img"

    @property
    def data(self) -> Path:
        """The engine's images and containers, which stay from one boot to the next."""
        return self.folder / "data.img"

    @property
    def key(self) -> Path:
        """The key with which root logs in."""
        return self.folder / "key"

    @property
    def known_hosts(self) -> Path:
        """The key by which a virtual host is known, under the name `second`."""
        return self.folder / "known_hosts"

    @property
    def kernel(self) -> Path:
        """Debian's kernel."""
        return next(self.folder.glob("boot/vmlinuz-*"))

    @property
    def initrd(self) -> Path:
        """The file system in memory that the kernel starts with."""
        return next(self.folder.glob("boot/initrd.img-*"))


def missing_programs() -> list[str]:
    """List the Debian packages to install before a virtual host can run; usually none."""
    return [package for program, package in _PROGRAMS.items() if shutil.which(program) is None]


def prepare(folder: Path) -> Disks:
    """Make what the folder lacks; about a minute at first, and nothing later.

    Raises:
        RuntimeError: programs are missing.
        subprocess.CalledProcessError: one of them failed; its output is on standard error.

    """
    if missing := missing_programs():
        msg = f"preparing a virtual host: programs are missing; run: sudo apt-get install {' '.join(missing)}"
        raise RuntimeError(msg)
    folder.mkdir(parents=True, exist_ok=True)
    disks = Disks(folder)
    if not disks.root.exists():
        _make_root(disks)
    if not disks.data.exists():
        _make_data(disks)
    return disks


def _make_root(disks: Disks) -> None:
    """Make the root file system; its name appears when it is complete."""
    for old in (disks.key, disks.key.with_suffix(".pub"), *disks.folder.glob("root-*.img")):
        old.unlink(missing_ok=True)
    shutil.rmtree(disks.folder / "boot", ignore_errors=True)
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "wheelproof virtual host", "-f", disks.key)
    partial = disks.folder / ".new-root.img"
    hooks = (
        'mkdir -p "$1/root/.ssh"',
        f"upload {disks.key}.pub /root/.ssh/authorized_keys",
        f"upload {_START} /usr/local/sbin/start",
        'chmod -R go= "$1/root/.ssh"; chmod 755 "$1/usr/local/sbin/start"',
        f"copy-out /boot /etc/ssh/ssh_host_ed25519_key.pub {disks.folder}",
    )
    options = ("--variant=apt", "--format=ext2", f"--include={','.join(_PACKAGES)}")
    _run("mmdebstrap", "--quiet", *options, *(f"--customize-hook={hook}" for hook in hooks), _SUITE, partial)
    _run("truncate", f"--size={_ROOT_SIZE}", partial)
    _run("resize2fs", partial)
    public = (disks.folder / "ssh_host_ed25519_key.pub").read_text()
    disks.known_hosts.write_text(f"second {public}")
    partial.rename(disks.root)


def _digest() -> str:
    parts = (_SUITE.encode(), *map(str.encode, _PACKAGES), _START.read_bytes())
    return hashlib.sha256(b"\n".join(parts)).hexdigest()[:12]


def _make_data(disks: Disks) -> None:
    partial = disks.folder / ".new-data.img"
    _run("truncate", f"--size={_DATA_SIZE}", partial)
    _run("mkfs.ext4", "-q", "-F", partial)
    partial.rename(disks.data)


def _run(*command: str | Path) -> None:
    subprocess.run(list(map(str, command)), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
