"""A reduced `.git` answers as the user's does, has no secrets, and changes with its answers only."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import UsageError
from orchestrator.model import Limits
from orchestrator.sources.git_folder import (
    above,
    find,
    index_without_times,
    loose,
    packed_refs,
    reduced_config,
    tracked,
)
from orchestrator.sources.sdist import pack

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "n",
    "GIT_AUTHOR_EMAIL": "e",
    "GIT_COMMITTER_NAME": "n",
    "GIT_COMMITTER_EMAIL": "e",
}


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, without the settings of whoever runs this."""
    command = ("git", "-c", "protocol.file.allow=always", *words)
    return subprocess.run(command, cwd=folder, env=PLAIN, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a commit, a tag, and what nobody else should see."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "pyproject.toml").write_text("[build-system]\nrequires = []\n")
    (folder / "a.py").write_text("a = 1\n")
    (folder / "b.py").write_text("b = 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    git(folder, "tag", "-a", "-m", "one", "v1.0")
    git(folder, "remote", "add", "origin", "https://me:SECRET@host.example/x.git")
    git(folder, "config", "http.https://host.example/.extraheader", "AUTHORIZATION: basic SECRET")
    git(folder, "config", "core.fsmonitor", "/bin/SECRET")
    (folder / ".git" / "hooks" / "post-index-change").write_text("#!/bin/sh\necho SECRET\n")
    return folder


def packed(folder: Path, limits: Limits | None = None) -> tuple[str, bytes]:
    """Return what identifies a folder, and its archive."""
    stream = io.BytesIO()
    return pack(folder, stream, limits or Limits(), 1_600_000_000), stream.getvalue()


def unpacked(folder: Path, place: Path) -> Path:
    """Pack a folder, and unpack it elsewhere."""
    with tarfile.open(fileobj=io.BytesIO(packed(folder)[1])) as archive:
        archive.extractall(place, filter="data")
    return place / "project"


def status(folder: Path) -> str:
    """Return what backends ask git for."""
    asked = (("describe", "--tags", "--long", "--dirty"), ("status", "--porcelain"), ("rev-parse", "HEAD"))
    return "".join(git(folder, *words) for words in asked)


def test_a_packed_checkout_answers_as_the_users_does(checkout: Path, tmp_path: Path) -> None:
    """Clean, and with changes: staged, not staged, removed, added, not tracked."""
    assert status(unpacked(checkout, tmp_path / "clean")) == status(checkout)
    assert "dirty" not in status(checkout)
    (checkout / "a.py").write_text("a = 2\n")
    (checkout / "new.py").write_text("")
    (checkout / "more.py").write_text("")
    git(checkout, "add", "new.py")
    git(checkout, "rm", "-q", "--cached", "b.py")
    theirs = unpacked(checkout, tmp_path / "changed")
    assert status(theirs) == status(checkout)
    assert "dirty" in status(checkout)
    git(theirs, "fsck", "--strict")


@pytest.mark.parametrize("options", [("--object-format=sha256",), ("--bare",)])
def test_other_repositories_answer_too(tmp_path: Path, options: tuple[str, ...]) -> None:
    """With longer hashes, and the worktree of a bare repository, with refs that are no UTF-8."""
    repository, folder = tmp_path / "repository", tmp_path / "repository" / "side"
    git(tmp_path, "init", "-q", "-b", "main", *options, "repository")
    empty = git(repository, "hash-object", "-w", "-t", "tree", os.devnull).strip()
    git(repository, "update-ref", "refs/heads/main", git(repository, "commit-tree", "-m", "0", empty).strip())
    git(repository, "worktree", "add", "-q", "-b", "side", str(folder))
    (folder / "pyproject.toml").write_text("")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "1")
    git(folder, "tag", "v1")
    git(folder, "tag", os.fsdecode(b"\xff"))
    theirs = unpacked(folder, tmp_path / "theirs")
    assert "dirty" not in status(theirs)
    assert status(theirs) == status(folder)


def test_nothing_private_is_packed(checkout: Path, tmp_path: Path) -> None:
    """Passwords, programs, hooks and what was done before stay where they are."""
    theirs = unpacked(checkout, tmp_path / "theirs")
    texts = [path.read_bytes() for path in theirs.rglob("*") if path.is_file()]
    assert not any(b"SECRET" in text for text in texts)
    assert git(theirs, "remote", "get-url", "origin") == "https://host.example/x.git\n"
    assert not (theirs / ".git" / "logs").exists()
    assert not (theirs / ".git" / "hooks").exists()


def test_only_what_changes_an_answer_changes_the_identity(checkout: Path) -> None:
    """How git keeps its objects and refs does not, nor do times."""
    before = packed(checkout)[0]
    os.utime(checkout / "a.py", (1, 1))
    git(checkout, "status")
    git(checkout, "gc", "-q", "--prune=now")
    assert packed(checkout)[0] == before
    git(checkout, "checkout", "-q", "-b", "other")
    assert packed(checkout)[0] != before
    git(checkout, "checkout", "-q", "main")
    git(checkout, "branch", "-D", "other")
    assert packed(checkout)[0] == before
    git(checkout, "tag", "v2.0")
    assert packed(checkout)[0] != before


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_an_index_of_each_version_is_read(checkout: Path, version: str) -> None:
    """With the flag that only version 3 has; a broken one is left to git."""
    git(checkout, "update-index", "--index-version", version)
    if version == "3":
        (checkout / "later.py").write_text("")
        git(checkout, "add", "-N", "later.py")
    content = (checkout / ".git" / "index").read_bytes()
    names = {"a.py", "b.py", "pyproject.toml"} | ({"later.py"} if version == "3" else set())
    assert tracked(content, 20) == names
    (checkout / ".git" / "index").write_bytes(index_without_times(content, 20))
    assert set(git(checkout, "ls-files").split()) == names
    for broken in (b"", content[:40], b"DIRC" + content[4:8] + b"\xff" * 4 + content[12:], content[:-30]):
        assert index_without_times(broken, 20) == broken
        assert tracked(broken, 20) == (names if broken == content[:-30] else set())  # cut behind the entries


def test_worktrees_submodules_and_borrowed_objects_are_whole(checkout: Path, tmp_path: Path) -> None:
    """Each becomes a plain repository, as if it had been cloned."""
    git(checkout, "worktree", "add", "-q", "-b", "side", str(tmp_path / "worktree"))
    assert status(unpacked(tmp_path / "worktree", tmp_path / "w")) == status(tmp_path / "worktree")
    git(tmp_path, "clone", "-q", "--shared", str(checkout), "borrower")
    git(tmp_path / "borrower", "submodule", "add", "-q", str(checkout), "sub")
    git(tmp_path / "borrower", "commit", "-q", "-m", "with a submodule")
    theirs = unpacked(tmp_path / "borrower", tmp_path / "b")
    assert status(theirs) == status(tmp_path / "borrower")
    git(theirs, "fsck")
    assert status(theirs / "sub") == status(tmp_path / "borrower" / "sub")
    (tmp_path / "borrower" / "sub" / "a.py").write_text("changed")
    assert " M sub" in status(unpacked(tmp_path / "borrower", tmp_path / "c"))
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{checkout}", "shallow")
    assert status(unpacked(tmp_path / "shallow", tmp_path / "s")) == status(tmp_path / "shallow")
    assert git(theirs, "submodule", "status") == git(tmp_path / "borrower", "submodule", "status")  # meson dist asks
    sub = unpacked(tmp_path / "borrower" / "sub", tmp_path / "d")
    assert status(sub) == status(tmp_path / "borrower" / "sub")


def test_tracked_files_of_caches_and_large_files_are_unchanged(checkout: Path, tmp_path: Path) -> None:
    """A file of git-lfs is compared by its pointer, although git-lfs is not there."""
    (checkout / "cache").mkdir()
    (checkout / "cache" / "CACHEDIR.TAG").write_text("x")
    (checkout / ".gitattributes").write_text("*.bin filter=lfs -text\n")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 6\n"
    (checkout / "x.bin").write_text(pointer.format("8b4af4c2ef12b87b2b6b3dbbb0c07a3aa2ce96c5eb5eee3f1a7ebcb3e1cd01a0"))
    git(checkout, "add", "-f", ".")
    git(checkout, "commit", "-q", "-m", "large")
    assert status(unpacked(checkout, tmp_path / "pointers")) == status(checkout)
    import hashlib  # noqa: PLC0415

    content = b"large\n"
    (checkout / "x.bin").write_text(pointer.format(hashlib.sha256(content).hexdigest()))
    git(checkout, "commit", "-qam", "larger")
    (checkout / "x.bin").write_bytes(content)
    assert "x.bin" not in git(unpacked(checkout, tmp_path / "contents"), "status", "--porcelain")


def test_what_is_no_repository_is_left_out(checkout: Path, tmp_path: Path) -> None:
    """As git does; and one that is too large is refused, with what helps."""
    with pytest.raises(UsageError, match=r"with its \.git, it has more than.*`git gc`"):
        packed(checkout, replace(Limits(), members=10))
    (checkout / ".git").rename(tmp_path / "elsewhere")
    for text in ("gitdir: /nowhere\n", "nonsense", "gitdir: " + "x" * 5000):
        (checkout / ".git").write_text(text)
        assert b".git" not in tarfile_names(checkout)
    (checkout / ".git").unlink()
    os.mkfifo(checkout / ".git")
    assert b".git" not in tarfile_names(checkout)


@pytest.mark.parametrize("name", ["index", "shallow", "info/exclude", "info/attributes"])
def test_a_file_that_is_packed_as_it_is_may_be_no_link(checkout: Path, tmp_path: Path, name: str) -> None:
    """A prepared folder would otherwise bring any file of the user's into a build, and its log."""
    (tmp_path / "private").write_text("SECRET")
    (checkout / ".git" / name).unlink(missing_ok=True)
    (checkout / ".git" / name).symlink_to(tmp_path / "private")
    with pytest.raises(UsageError, match=f"{name} is a link.*replace it with a copy"):
        packed(checkout)


@pytest.mark.parametrize("name", ["HEAD", "config", "refs/tags/v9", "objects/info/alternates"])
def test_what_cannot_be_read_is_an_error(checkout: Path, name: str) -> None:
    """Without it, git would answer something else, such as another version."""
    (checkout / ".git" / name).write_bytes(bytes(2 << 20))
    with pytest.raises(UsageError, match=f"{name} has more than"):
        packed(checkout)


def test_the_walk_over_refs_ends(checkout: Path) -> None:
    """The folder may be a link to a whole disk."""
    git_state = find(checkout)
    assert git_state
    with pytest.raises(OSError, match="more than 3 files and folders; `git pack-refs"):
        list(loose(git_state, 3))


def test_passwords_are_left_out_wherever_an_address_has_them() -> None:
    """A password may have an @, a query may be a token, and the name of a section may be an address."""
    text = """[remote "https://u:SECRET@h/x"] url = https://u:p@SECRET@h/x
\turl = https://h/x?token=SECRET
[core] autocrlf = input
"""
    assert reduced_config(text) == (
        '[remote "https://h/x"]\n\turl = https://h/x\n\turl = https://h/x\n[core]\n\tautocrlf = input\n'
    )


def test_links_in_a_circle_and_odd_bytes_are_no_fault(checkout: Path, tmp_path: Path) -> None:
    """A branch may be named in any encoding; a path of git's may have a NUL, or lead to itself."""
    (checkout / "loop").symlink_to("loop")
    (checkout / ".git" / "objects" / "info" / "alternates").write_bytes(b"a\0b\n../loop\n")
    (checkout / ".git" / "objects" / "loop").symlink_to("loop")
    name = os.fsdecode(b"caf\xe9")
    git(checkout, "checkout", "-q", "-b", name)
    theirs = unpacked(checkout, tmp_path / "theirs")
    assert (theirs / ".git" / "HEAD").read_bytes() == b"ref: refs/heads/caf\xe9\n"
    assert status(theirs) == status(checkout)
    (checkout / ".git" / "commondir").write_bytes(b"a\0b")
    assert b".git" not in tarfile_names(checkout)


def test_a_repository_above_is_found(checkout: Path, tmp_path: Path) -> None:
    """It is not packed, so whoever packs the folder has to be warned."""
    (checkout / "sub" / "project").mkdir(parents=True)
    assert above(checkout / "sub" / "project") == checkout
    (tmp_path / "plain").mkdir()
    assert above(tmp_path / "plain") != checkout


def tarfile_names(folder: Path) -> bytes:
    """Return all names in a packed folder."""
    with tarfile.open(fileobj=io.BytesIO(packed(folder)[1])) as archive:
        return "\n".join(archive.getnames()).encode()


def test_settings_are_kept_by_name() -> None:
    """Whatever is not listed may be a program or a password; what cannot be read is left out."""
    text = """[core]
\tautocrlf = input
\tsshCommand = evil
[include]
\tpath = /etc/passwd
[filter "lfs"]
\tclean = evil
[remote "a b"]
\turl = https://u:p@h/x
\turl = go \\
on
[core]
\tbare
"""
    assert reduced_config(text) == '[core]\n\tautocrlf = input\n[remote "a b"]\n\turl = https://h/x\n'
    assert list(packed_refs("# pack-refs with: peeled\n" + "a" * 40 + " refs/tags/v1\n^" + "b" * 40 + "\nx y\n")) == [
        ("refs/tags/v1", "a" * 40)
    ]
