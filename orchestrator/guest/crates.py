"""Runs inside the container that fetches crates: unpacks the sdist, and lets cargo vendor the crates of its locks.

Standard library only. Nothing of the sdist runs: cargo reads its manifests and locks, but only our
settings, since it is called from another folder than the sdist's. The container has no network but a
Unix socket, to which the configured proxy of cargo forwards everything.

Standard output is a tar of the folder that is a build's CARGO_HOME: `vendor/`, and a config.toml
that replaces the registry with it. Cargo's messages go to standard error.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
from contextlib import suppress
from pathlib import Path

from orchestrator.guest import archive as archives

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HOME = "crates"  # the folder's name in a build: cargo's paths are relative to its parent
CARGO_FAILED = 3
PIECE = 1 << 16


def main(spec: dict[str, Any]) -> int:
    """Fetch the crates, and write the tar; return the exit status, 3 if cargo failed."""
    os.umask(0o022)
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        source, work = Path(spec["scratch"], "source"), Path(spec["scratch"], "work")
        archive = archives.opened(spec["sdist"])
        archives.unpack(archive, archives.survey(archive, spec["limit"], spec["members"]), str(source), reverse=False)
        home = work / HOME
        home.mkdir(parents=True)
        settings = vendor(spec, source, work)
        if settings is None:
            return CARGO_FAILED
        (home / "config.toml").write_text(settings)
        pack(home, out)
    return 0


def vendor(spec: dict[str, Any], source: Path, work: Path) -> str | None:
    """Let cargo vendor the crates of all locks; return the settings that it prints, None if it failed."""
    first, *others = [str(source / folder / "Cargo.toml") for folder in spec["folders"]]
    home = work / "home"
    home.mkdir()
    (home / "config.toml").write_text(settings_of(spec["registry"], forward(spec["socket"])))
    done = subprocess.run(  # noqa: S603 - cargo itself, without a shell, in a container
        [
            *("cargo", "vendor", "--locked", "--versioned-dirs", "--respect-source-config"),
            *("--manifest-path", first),
            *(argument for other in others for argument in ("--sync", other)),
            f"{HOME}/vendor",
        ],
        cwd=work,
        env={"PATH": "/usr/bin:/bin", "CARGO_HOME": str(home), "HOME": str(home), "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=False,
    )
    return done.stdout.decode() if done.returncode == 0 else None


def settings_of(registry: str | None, port: int) -> str:
    """Return cargo's settings: the proxy, and the registry if it is not cargo's default."""
    lines = ["[http]", f'proxy = "http://127.0.0.1:{port}"', "[net]", "retry = 2", "git-fetch-with-cli = false"]
    if registry:
        lines += [
            "[source.crates-io]",
            'replace-with = "named"',
            "[source.named]",
            f"registry = {json.dumps(registry)}",
        ]
    else:
        lines += ["[registries.crates-io]", 'protocol = "sparse"']  # as every cargo since 1.70 has it anyway
    return "\n".join(lines) + "\n"


def pack(folder: Path, out: Any) -> None:  # noqa: ANN401 - a stream
    """Write the files that a build may read, with fixed order, owner and time."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if not (member.isreg() or member.isdir()):
            return None
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
        return member

    with tarfile.open(fileobj=out, mode="w|") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name, filter=plain)


# --- the way out -----------------------------------------------------------------------------


def forward(path: str) -> int:
    """Listen on loopback, and forward all connections to a Unix socket; return the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            client, _ = listener.accept()
            threading.Thread(target=carry, args=(client, path), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return int(listener.getsockname()[1])


def carry(client: socket.socket, path: str) -> None:
    """Copy bytes both ways until either side ends."""
    with client, socket.socket(socket.AF_UNIX) as relay:
        relay.connect(path)
        back = threading.Thread(target=copy, args=(relay, client), daemon=True)
        back.start()
        copy(client, relay)
        back.join()


def copy(source: socket.socket, target: socket.socket) -> None:
    """Copy bytes one way, and then close that direction."""
    with suppress(OSError):
        while piece := source.recv(PIECE):
            target.sendall(piece)
    for side, how in ((source, socket.SHUT_RD), (target, socket.SHUT_WR)):
        with suppress(OSError):
            side.shutdown(how)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    if not shutil.which("cargo"):
        sys.exit("there is no cargo in this image")
    sys.exit(main(given))
