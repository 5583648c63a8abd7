"""Results on a branch: restored before a run, committed after it, and pushed beside those of another farm."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.installed import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = ROOT / "scripts" / "publish-results"


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, and return what it prints."""
    command = ["git", "-c", "init.defaultBranch=main", *arguments]
    return subprocess.run(command, cwd=folder, env=plain(), check=True, capture_output=True, text=True).stdout


def plain() -> dict[str, str]:
    """Return the environment without git's variables and settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**kept, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}


@dataclass
class Clone:
    """One farm's repository, with its results."""

    folder: Path

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Call the script."""
        command = [str(SCRIPT), *arguments]
        return subprocess.run(command, cwd=self.folder, env=plain(), capture_output=True, text=True, check=False)

    def ok(self, command: str) -> str:
        """Call the script, which must succeed; return what it prints."""
        done = self.call(command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def write(self, name: str, text: str = "{}") -> None:
        """Write a file of the results."""
        path = self.folder / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def files(self) -> dict[str, str]:
        """Return the files of the results."""
        folder = self.folder / "results"
        return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@dataclass
class Remote:
    """A bare repository that several farms push to."""

    folder: Path

    def clone(self, name: str) -> Clone:
        """Return another farm's clone."""
        git(self.folder.parent, "clone", "--quiet", str(self.folder), name)
        return Clone(self.folder.parent / name)

    def files(self) -> list[str]:
        """List the files of the branch."""
        return git(self.folder, "ls-tree", "-r", "--name-only", "results").split()

    def commits(self) -> int:
        """Count the commits of the branch."""
        return len(git(self.folder, "rev-list", "results").split())


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    """An empty repository."""
    git(tmp_path, "init", "--quiet", "--bare", "remote.git")
    return Remote(tmp_path / "remote.git")


def test_the_first_night_creates_the_branch_with_records_alone(remote: Remote) -> None:
    """No wheels, logs, pages, unfinished files or what each run writes again; the work tree is left alone."""
    farm = remote.clone("first")
    farm.ok("restore")
    for name in ("records/six/1.json", "runs/1.json", "changes.json"):
        farm.write(name)
    for name in ("wheels/1", "logs/1", "site/index.html", "last_run.json", "records/six/.new-1", ".lock"):
        farm.write(name)
    farm.ok("save")
    assert remote.files() == ["changes.json", "records/six/1.json", "runs/1.json"]
    assert git(farm.folder, "status", "--porcelain", "--branch").splitlines()[1:] == ["?? results/"]


def test_an_unchanged_night_makes_no_commit(remote: Remote) -> None:
    """It succeeds."""
    farm = remote.clone("first")
    farm.write("records/six/1.json")
    farm.ok("save")
    farm.write("last_run.json", "another")
    farm.ok("restore")
    assert "not changed" in farm.ok("save")
    assert remote.commits() == 1


def test_another_host_restores_and_goes_on(remote: Remote) -> None:
    """With the bytes of the records; what retention removed there stays removed."""
    first, second = remote.clone("first"), remote.clone("second")
    (first.folder / "results/records/six").mkdir(parents=True)
    (first.folder / "results/records/six/1.json").write_bytes(b"one\r\ntwo\n")
    first.write("records/six/2.json")
    first.ok("save")
    second.ok("restore")
    assert sorted(second.files()) == ["records/six/1.json", "records/six/2.json"]
    assert (second.folder / "results/records/six/1.json").read_bytes() == b"one\r\ntwo\n"
    (second.folder / "results/records/six/1.json").unlink()
    second.write("records/six/3.json")
    second.ok("save")
    assert remote.files() == ["records/six/2.json", "records/six/3.json"]
    assert remote.commits() == 2


@pytest.mark.parametrize("restored", [False, True])
def test_what_another_farm_pushed_meanwhile_is_kept(remote: Remote, *, restored: bool) -> None:
    """The records of both; of what each run writes again, the last; what one removed is gone."""
    first, second = remote.clone("first"), remote.clone("second")
    if restored:
        first.write("records/old/1.json")
        first.write("records/old/2.json")
        first.ok("save")
        second.ok("restore")
        (second.folder / "results/records/old/2.json").unlink()
    first.write("records/six/1.json")
    first.write("changes.json", "of the first")
    first.ok("save")
    second.write("records/foo/1.json")
    second.write("changes.json", "of the second")
    second.ok("save")
    old = ["records/old/1.json"] if restored else []
    assert remote.files() == ["changes.json", "records/foo/1.json", *old, "records/six/1.json"]
    assert git(remote.folder, "show", "results:changes.json") == "of the second"
    assert not git(remote.folder, "rev-list", "--merges", "results")
    first.ok("restore")
    assert "records/foo/1.json" in first.files()
    assert "not changed" in first.ok("save")


def test_what_could_not_be_pushed_is_pushed_the_next_night(remote: Remote) -> None:
    """A remote that does not answer is an error, and nothing is lost."""
    farm, other = remote.clone("first"), remote.clone("second")
    farm.write("records/six/1.json")
    moved = remote.folder.rename(remote.folder.with_name("moved.git"))
    done = farm.call("save")
    assert (done.returncode, "the remote does not answer" in done.stderr) == (1, True)
    moved.rename(remote.folder)
    other.write("records/foo/1.json")
    other.ok("save")
    farm.ok("restore")
    farm.write("records/six/2.json")
    farm.ok("save")
    assert remote.files() == ["records/foo/1.json", "records/six/1.json", "records/six/2.json"]


def test_a_commit_can_be_carried_to_where_it_is_pushed(remote: Remote) -> None:
    """As the workflow does: the job that builds cannot push."""
    builder, pusher = remote.clone("first"), remote.clone("second")
    builder.write("records/six/1.json")
    builder.ok("commit")
    git(builder.folder, "bundle", "create", "--quiet", "results.bundle", "refs/wheelproof/results")
    bundle = str(builder.folder / "results.bundle")
    git(pusher.folder, "fetch", "--quiet", bundle, "refs/wheelproof/results:refs/wheelproof/results")
    pusher.ok("push")
    assert remote.files() == ["records/six/1.json"]


def test_a_branch_with_links_is_refused(remote: Remote) -> None:
    """Whoever can push to it could have the farm write elsewhere."""
    farm = remote.clone("first")
    git(farm.folder, "checkout", "--quiet", "-b", "results")
    (farm.folder / "records").symlink_to("/tmp")  # noqa: S108 - a target
    git(farm.folder, "add", "records")
    git(farm.folder, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "link")
    git(farm.folder, "push", "--quiet", "origin", "results")
    done = remote.clone("second").call("restore")
    assert (done.returncode, "plain files" in done.stderr) == (1, True)


def test_records_are_kept_byte_for_byte(remote: Remote) -> None:
    """Whatever attributes there are; no filter runs, and a link, which no restore would accept, is left out."""
    farm = remote.clone("first")
    git(farm.folder, "config", "filter.x.clean", "touch ran; echo changed")
    farm.write(".gitattributes", "*.json filter=x\n* text=auto eol=lf\n")
    (farm.folder / "results" / "records").mkdir()
    (farm.folder / "results" / "records" / "a b.json").write_bytes(b"1\r\n2\n")
    (farm.folder / "results" / "records" / "link.json").symlink_to("/etc/passwd")
    farm.ok("save")
    assert git(remote.folder, "ls-tree", "-r", "--name-only", "results") == "records/a b.json\n"
    command = ("git", "cat-file", "blob", "results:records/a b.json")
    assert subprocess.run(command, cwd=remote.folder, capture_output=True, check=True).stdout == b"1\r\n2\n"
    assert not list(farm.folder.rglob("ran"))
    other = remote.clone("second")
    git(other.folder, "config", "core.autocrlf", "true")
    other.ok("restore")
    assert (other.folder / "results" / "records" / "a b.json").read_bytes() == b"1\r\n2\n"


def test_mistakes_are_usage_errors(remote: Remote) -> None:
    """With the commands that there are; and nothing to save is not a success."""
    farm = remote.clone("first")
    assert [farm.call(*words).returncode for words in ((), ("explode",), ("save", "--unknown", "1"))] == [2, 2, 2]
    assert "publish-results restore" in farm.call().stderr
    assert farm.call("save").returncode == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--remote", "--upload-pack=touch ran"), "begins with a hyphen"),
        (("--branch", "-d"), "begins with a hyphen"),
        (("--branch", "*"), "git allows no such name"),
        (("--branch", "a:refs/heads/main"), "git allows no such name"),
        (("--branch", "a\nb"), "git allows no such name"),
        (("--branch", ""), "--branch needs a value"),
        (("--remote",), "--remote needs a value"),
        (("--results", "/dev/null"), "no folder, and none can be made"),
    ],
)
def test_a_value_is_never_an_option_or_a_refspec(remote: Remote, words: tuple[str, ...], why: str) -> None:
    """It is refused before anything is committed; git would run the program that an option names."""
    farm = remote.clone("first")
    farm.write("records/six/1.json")
    done = farm.call("save", *words)
    assert (done.returncode, why in done.stderr) == (1, True), done.stderr
    assert "parameter" not in done.stderr
    assert not list(farm.folder.rglob("ran"))
    assert not git(farm.folder, "for-each-ref")
