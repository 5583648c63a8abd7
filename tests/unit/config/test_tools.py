"""Build tools, profiles and files of requirements in config.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.build.variations import NAMES
from orchestrator.config import Config, parse, tasks
from orchestrator.errors import ConfigError, UsageError
from orchestrator.model import BuildTools, Frontend, Policy, Profile, ToolPin
from orchestrator.requirement_files import Wanted

if TYPE_CHECKING:
    from pathlib import Path

A, B = "a" * 64, "b" * 64
TOOLS = f"setuptools==79.0.0 --hash=sha256:{A}\n"


def read(text: str, folder: Path) -> Config:
    """Read a configuration in that folder."""
    return parse(text, "config.yaml", folder, variations=NAMES, images=("bookworm", "tools", "trixie"))


def test_the_more_particular_says_what_is_built_with(tmp_path: Path) -> None:
    """A package before its group, that before the image, and that before all."""
    found = read(
        """
build-tools: {frontend: pip}
images: {tools: {build-tools: {policy: debian}}}
groups:
  plain: {packages: [a]}
  imaged: {packages: [b], image: tools}
  own: {packages: [c, d], image: tools, build-tools: {policy: source}}
packages: {d: {build-tools: {policy: index}}}
""",
        tmp_path,
    )

    assert {task.requirement: (task.tools.policy, task.tools.frontend) for task in tasks(found)} == {
        "a": (Policy.INDEX, Frontend.PIP),
        "b": (Policy.DEBIAN, Frontend.HOOKS),
        "c": (Policy.SOURCE, Frontend.HOOKS),
        "d": (Policy.INDEX, Frontend.HOOKS),
    }


PROFILE = """
profiles:
  theirs:
    image: trixie
    source-date-epoch: 1309379017
    umask: "022"
    build-path: /tmp/wheels/{folder}
    build-tools: {policy: pinned, file: tools.txt, strict: true}
groups: {g: {packages: [a], profile: theirs}}
packages: {a: {image: bookworm, source-date-epoch: null, hold: [time]}}
"""


def test_what_a_profile_names_holds(tmp_path: Path) -> None:
    """And the variations that it fixes are held, besides those that are held anyway."""
    (tmp_path / "tools.txt").write_text(TOOLS)

    (task,) = tasks(read(PROFILE, tmp_path))

    assert (task.image, task.source_date_epoch) == ("trixie", 1_309_379_017)
    assert task.hold == ("build-path", "time", "umask")
    assert task.profile == Profile("theirs", umask=0o022, build_path="/tmp/wheels/{folder}")  # noqa: S108 - of a build
    assert task.tools == BuildTools(Policy.PINNED, (ToolPin("setuptools", "79.0.0", (A,)),), "tools.txt", strict=True)


def test_a_profile_of_the_command_line_is_taken_for_all(tmp_path: Path) -> None:
    """The message for an unknown name has the nearest one."""
    (tmp_path / "tools.txt").write_text(TOOLS)
    found = read(PROFILE, tmp_path)

    assert tasks(found, ["other==1"], profile="theirs")[0].source_date_epoch == 1_309_379_017
    with pytest.raises(UsageError, match="did you mean 'theirs'"):
        tasks(found, ["other==1"], profile="their")


def test_files_of_a_group_are_tasks(tmp_path: Path) -> None:
    """With the hashes that their sdists must have."""
    (tmp_path / "r.txt").write_text(f"six==1.16.0 --hash=sha256:{A}\nmock==1; python_version < '3'\n")

    six, mock = tasks(read("groups: {g: {requirements: [r.txt]}}", tmp_path))

    assert (six.requirement, six.hashes, six.group) == ("six==1.16.0", (A,), "g")
    assert six.source == f"{tmp_path / 'r.txt'}:1"
    assert mock.marker == 'python_version < "3"'


def test_what_a_file_asks_for_replaces_the_groups(tmp_path: Path) -> None:
    """As requirements on the command line do."""
    wanted = Wanted("six", "1.16.0", "==1.16.0", "sums", 3, own=(B,))

    (task,) = tasks(read("groups: {g: {packages: [a]}}", tmp_path), wanted=[wanted])

    assert (task.requirement, task.expected, task.hashes) == ("six==1.16.0", (B,), ())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("build-tools: {policy: sourec}", "did you mean 'source'?"),
        ("build-tools: {policy: pinned}", "has the policy pinned, but no file"),
        ("build-tools: {file: r.txt}", "has a file without the policy pinned"),
        ("build-tools: {polcy: index}", "unknown key; did you mean 'policy'?"),
        ("profiles: {a: {umask: 22}}", 'such as "022", not 22'),
        ("profiles: {a: {build-path: /usr/lib/x}}", "is not a folder below /tmp, /build or /srv"),
        ("profiles: {a: {build-path: /tmp/../usr}}", "is not a folder below /tmp, /build or /srv"),
        ("profiles: {a: {build-path: '/tmp/{name}'}}", "is not a folder below /tmp, /build or /srv"),
        ("profiles: {a: {timezone: Europe/Berlin}}", "POSIX form"),
        ("groups: {g: {packages: [a], profile: theirs}}", "there is no profile 'theirs'"),
        ("packages: {p: {profile: theirs}}\nprofiles: {there: {}}", "did you mean 'there'?"),
        ("groups: {g: {requirements: [absent.txt]}}", "absent.txt: cannot be read"),
        ("groups: {g: {requirements: [wrong.txt]}}", "wrong.txt:2: '-e .' names no release"),
        ("build-tools: {policy: pinned, file: open.txt}", "open.txt:1: six is not pinned to one version"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, text: str, words: str) -> None:
    """Those of the files that it names, too."""
    (tmp_path / "wrong.txt").write_text("six\n-e .\n")
    (tmp_path / "open.txt").write_text("six>=1\n")

    with pytest.raises(ConfigError) as told:
        read(text, tmp_path)

    assert words in str(told.value)
