"""Which groups and extras of a file are read: the locks in locks/ are those of real programs, with fewer files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker

from orchestrator import requirement_files
from orchestrator.errors import UsageError
from orchestrator.requirement_files import WHOLE, Read, Selection, selection
from orchestrator.requirement_files.graph import Edge, Graph
from orchestrator.requirement_files.selection import reduced

if TYPE_CHECKING:
    from collections.abc import Sequence

LOCKS = Path(__file__).parent / "locks"
NET = {"certifi", "charset-normalizer", "idna", "pysocks", "requests", "urllib3"}
MAIN = {"click", "colorama", "six"}
ALL = MAIN | NET | {"iniconfig", "markupsafe"}
A = "a" * 64

PYPROJECT = """\
[project]
name = "Own"
dependencies = ["six>=1", "requests[socks]>=2", "six!=1.5"]

[project.optional-dependencies]
net = ["attrs", "own[more]"]
more = ["idna==3.0"]

[dependency-groups]
dev = ["iniconfig", {include-group = "Docs"}]
docs = ["markupsafe==2.0.1; python_version < '4'"]
first = [{include-group = "second"}]
second = [{include-group = "first"}]
lost = [{include-group = "nowhere"}]
"""

DEEP = "[dependency-groups]\na0 = []\n" + "".join(
    f"a{number + 1} = [{{include-group = 'a{number}'}}]\n" for number in range(3000)
)

PYLOCK = """\
lock-version = "1.0"
created-by = "a test"
extras = ["net"]
dependency-groups = ["dev", "default"]
default-groups = ["default"]
""" + "".join(
    f"""
[[packages]]
name = "{name}"
version = "1.0"
marker = {marker!r}
sdist = {{url = "https://files.example/{name}-1.0.tar.gz", hashes = {{sha256 = "{A}"}}}}
"""
    for name, marker in {
        "six": '"default" in dependency_groups',
        "idna": '"net" in extras and "default" in dependency_groups',
        "attrs": '"dev" in dependency_groups or "net" in extras',
        "click": "python_version >= '3'",
        "colorama": '"dev" in dependency_groups and python_version < "4"',
    }.items()
)


def projects(read: Read) -> set[str]:
    """Return the projects of a file, which has no mistakes."""
    assert read.mistakes == ()
    return {entry.project for entry in read.wanted}


def chosen(only: str = "", group: str = "", extra: str = "") -> Selection:
    """Return what options with one value each choose."""
    return selection(*([value] if value else [] for value in (only, group, extra)))


@pytest.mark.parametrize("poetry", ["poetry-1.4", "poetry-1.8", "poetry-2"])
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (chosen(), ALL),
        (chosen("main"), MAIN),
        (chosen("Dev"), {"colorama", "iniconfig"}),
        (chosen("main,docs"), MAIN | {"markupsafe"}),
        (chosen(group="docs"), MAIN | {"markupsafe"}),
        (chosen(extra="net"), MAIN | NET),
        (chosen("main,dev", extra="net"), MAIN | NET | {"iniconfig"}),
    ],
)
def test_each_generation_of_poetry_gives_the_same(poetry: str, asked: Selection, expected: set[str]) -> None:
    """Poetry 2 lists the groups in the lock; the groups of older locks follow from pyproject.toml."""
    assert projects(requirement_files.read(LOCKS / poetry / "poetry.lock", asked)) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (chosen(), ALL),
        (chosen("main"), MAIN),
        (chosen("dev"), {"colorama", "iniconfig"}),
        (chosen(group="other"), MAIN | {"markupsafe"}),
        (chosen(extra="all"), MAIN | NET),
    ],
)
def test_groups_and_extras_of_a_uv_lock(asked: Selection, expected: set[str]) -> None:
    """They are what `uv export --frozen --no-default-groups` lists."""
    assert projects(requirement_files.read(LOCKS / "uv" / "uv.lock", asked)) == expected


def test_a_release_that_one_group_always_needs_has_no_marker() -> None:
    """Where Poetry gives a package a marker for one of its groups, the other has none."""

    def marker(asked: Selection) -> str:
        content = requirement_files.read(LOCKS / "poetry-2" / "poetry.lock", asked)
        return next(entry.marker for entry in content.wanted if entry.project == "colorama")

    assert marker(chosen("dev")) == marker(chosen(group="dev")) == marker(WHOLE) == ""
    assert marker(chosen("main")) == 'sys_platform != "darwin" and platform_system == "Windows"'


@pytest.mark.parametrize(("poetry", "asked"), [("poetry-1.8", chosen("main")), ("poetry-1.4", chosen(extra="net"))])
def test_an_old_lock_without_its_project_is_refused(tmp_path: Path, poetry: str, asked: Selection) -> None:
    """Nothing shows what belongs to which group; the whole lock can be read."""
    lock = tmp_path / "poetry.lock"
    lock.write_text((LOCKS / poetry / "poetry.lock").read_text())

    assert "keep its pyproject.toml beside it" in requirement_files.read(lock, asked).mistakes[0].what
    assert projects(requirement_files.read(lock)) == ALL


def test_the_categories_of_an_old_lock_are_enough_for_main(tmp_path: Path) -> None:
    """Poetry before 1.5 wrote whether a package is of main; of several groups, the first is main."""
    lock = tmp_path / "poetry.lock"
    lock.write_text((LOCKS / "poetry-1.4" / "poetry.lock").read_text())

    assert projects(requirement_files.read(lock, chosen("main"))) == MAIN
    assert projects(requirement_files.read(lock, chosen("dev"))) == {"iniconfig", "markupsafe"}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (chosen(), {"six": "", "idna": "", "attrs": "", "click": 'python_version >= "3"',
                    "colorama": 'python_version < "4"'}),
        (chosen("main"), {"six": "", "click": 'python_version >= "3"'}),
        (chosen("dev"), {"attrs": "", "click": 'python_version >= "3"', "colorama": 'python_version < "4"'}),
        (chosen(extra="net"), {"six": "", "idna": "", "attrs": "", "click": 'python_version >= "3"'}),
    ],
)  # fmt: skip
def test_the_markers_of_a_pylock(tmp_path: Path, asked: Selection, expected: dict[str, str]) -> None:
    """Groups and extras are settled (PEP 751), and the rest of a marker stays for the image."""
    (tmp_path / "pylock.toml").write_text(PYLOCK)

    content = requirement_files.read(tmp_path / "pylock.toml", asked)

    assert {one.project: one.marker.replace("'", '"') for one in content.wanted} == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (chosen(), {"six!=1.5,>=1", "requests>=2"}),
        (chosen("dev"), {"iniconfig", "markupsafe==2.0.1"}),
        (chosen(extra="net"), {"six!=1.5,>=1", "requests>=2", "attrs", "idna==3.0"}),
    ],
)
def test_a_project(tmp_path: Path, asked: Selection, expected: set[str]) -> None:
    """Its dependencies are read, with its extras, which may name others, and its groups, which may include others."""
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)

    content = requirement_files.read(tmp_path / "pyproject.toml", asked)

    found = {one.requirement for one in content.wanted}
    assert content.mistakes == ()
    assert found == expected


def test_the_place_and_the_extras_of_a_requirement(tmp_path: Path) -> None:
    """A message has the line; a resolver needs the extras."""
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)

    entries = {one.project: one for one in requirement_files.read(tmp_path / "pyproject.toml").wanted}

    assert (entries["requests"].line, entries["requests"].extras) == (3, ("socks",))


@pytest.mark.parametrize(
    ("text", "asked", "words"),
    [
        (PYPROJECT, chosen("first"), "Cyclic dependency group include"),
        (PYPROJECT, chosen("lost"), "nowhere"),
        ("[project]\nname = 'a'\ndynamic = ['dependencies']\n", WHOLE, "dynamic"),
        ("[tool.poetry.dependencies]\nsix = '^1'\n", WHOLE, "poetry.lock"),
        ("[project]\ndependencies = 'six'\n", WHOLE, "not a list"),
        ("[project]\ndependencies = ['a b']\n", WHOLE, "'a b' is not a requirement"),
        ("[project]\ndependencies = ['a @ https://files.example/a.whl']\n", WHOLE, "names a URL"),
        ("[dependency-groups]\ndev = 'six'\n", chosen("dev"), "rather than a list"),
        ("[dependency-groups]\ndev = [1]\nDev = []\n", chosen("dev"), "Duplicate"),
        (DEEP, chosen("a3000"), "too deeply"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_project(tmp_path: Path, text: str, asked: Selection, words: str) -> None:
    """Each is a mistake of the file, not a fault."""
    (tmp_path / "pyproject.toml").write_text(text)

    (mistake,) = requirement_files.read(tmp_path / "pyproject.toml", asked).mistakes

    assert words in mistake.what


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (chosen("nope"), "there is no group 'nope'; there are 'main', 'dev', 'docs'"),
        (chosen(extra="nope"), "there is no extra 'nope'; there are 'net'"),
        (chosen("dev"), "r.txt: it has no groups, so --only leaves nothing of it"),
    ],
)
def test_a_choice_that_the_files_do_not_have(tmp_path: Path, asked: Selection, words: str) -> None:
    """Nothing is run with less than what was asked for."""
    (tmp_path / "r.txt").write_text("six==1.16.0\n")

    with pytest.raises(UsageError) as raised:
        requirement_files.read_all(
            [LOCKS / "poetry-2" / "poetry.lock", tmp_path / "r.txt"], requirement_files.read, asked
        )

    assert words in str(raised.value)


def test_a_file_without_groups_belongs_to_main(tmp_path: Path) -> None:
    """So requirements files can be named beside a lock."""
    (tmp_path / "r.txt").write_text("attrs==25.1.0\n")

    wanted = requirement_files.read_all(
        [LOCKS / "poetry-2" / "poetry.lock", tmp_path / "r.txt"], requirement_files.read, chosen("main")
    )

    assert {one.project for one in wanted} == MAIN | {"attrs"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((["main"], ["dev"], []), "--only takes just its groups"),
        ((["dev"], [], ["net"]), "--extra adds to main"),
        (([""], [], []), "name of a group"),
        (([], ["a b"], []), "name of a group"),
    ],
)
def test_options_that_contradict_each_other(options: Sequence[list[str]], words: str) -> None:
    """Each is refused before a file is read."""
    with pytest.raises(UsageError, match=words):
        selection(*options)


def test_a_set_without_versions_names_the_option_that_locks_it(tmp_path: Path) -> None:
    """All of them are listed at once."""
    (tmp_path / "r.txt").write_text("six\nattrs==25.1.0\nidna>=3\n")
    wanted = requirement_files.read(tmp_path / "r.txt").wanted

    with pytest.raises(UsageError, match="--resolve") as raised:
        requirement_files.insist_on_pins(["click", "jinja2==3.1.6", "./a"], wanted)

    assert str(raised.value).splitlines()[1:] == ["'click'", f"{tmp_path}/r.txt:1: six", f"{tmp_path}/r.txt:3: idna>=3"]
    requirement_files.insist_on_pins(["jinja2==3.1.6"], wanted[1:2])


@pytest.mark.parametrize(
    ("marker", "left"),
    [
        ('extra == "net"', ""),
        ('extra == "other"', None),
        ('extra != "net"', None),
        ('"x" not in extras', ""),
        ('python_version < "3" or extra == "net"', ""),
        ('python_version < "3" and extra == "other" or os_name == "nt"', 'os_name == "nt"'),
        ('extra == "net" and (os_name == "nt" or python_version < "3" and "Dev" in dependency_groups)',
         '(os_name == "nt" or python_version < "3")'),
        ("platform_version == 'extra == \"net\"'", "platform_version == 'extra == \"net\"'"),
        ("extra is not readable", "extra is not readable"),
    ],
)  # fmt: skip
def test_what_is_left_of_a_marker(marker: str, left: str | None) -> None:
    """What extras and groups decide is gone; what the image decides stays."""
    assert reduced(marker, chosen(extra="net"), ("dev",)) == left


_ATOMS = ['extra == "a"', 'extra == "b"', 'os_name == "nt"', 'os_name == "posix"']
_EXPRESSIONS = st.recursive(
    st.sampled_from(_ATOMS),
    lambda inner: st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: f"({' '.join(parts)})"),
    max_leaves=8,
)


@given(
    first=_EXPRESSIONS,
    operator=st.sampled_from(["and", "or"]),
    second=_EXPRESSIONS,
    os_name=st.sampled_from(["nt", "posix"]),
)
def test_a_reduced_marker_applies_where_the_marker_does(first: str, operator: str, second: str, os_name: str) -> None:
    """Packaging evaluates the whole marker; what is left of it gives the same."""
    marker = f"{first} {operator} {second}"
    left = reduced(marker, Selection(extras=("a",)))

    expected = Marker(marker).evaluate({"extra": "a", "os_name": os_name})
    assert (left is not None and (not left or Marker(left).evaluate({"os_name": os_name}))) == expected


def test_a_graph_with_a_cycle_ends() -> None:
    """Each release is visited once, and has a marker only if all that needs it has."""
    graph = Graph()
    graph.add(("a", "1"), "", [Edge("b", marker="os_name == 'nt'"), Edge("c", marker="os_name == 'nt'")])
    graph.add(("b", "1"), "", [Edge("a"), Edge("c")])
    graph.add(("c", "1"), "", [Edge("lost")])

    assert graph.needed([Edge("a")]) == {("a", "1"): "", ("b", "1"): "os_name == 'nt'", ("c", "1"): ""}


@pytest.mark.parametrize("name", ["poetry-1.4/poetry.lock", "poetry-2/poetry.lock", "uv/uv.lock", "uv/pyproject.toml"])
@given(data=st.data())
def test_any_change_of_a_lock_is_read_or_reported(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    """Whatever is in a file, reading raises nothing, and names are normalized."""
    text = (LOCKS / name).read_text()
    values = st.sampled_from(["1", "[]", "{}", '"', "[", "true", '"\x7f"', "'a b'", "[1]", '{ a = "b" }', "-1", "\n"])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.sampled_from([match for match, char in enumerate(text) if char in '="[{,'] or [0]))
        text = text[: at + 1] + data.draw(values) + text[at + data.draw(st.integers(1, 30)) :]
    path = tmp_path_factory.getbasetemp() / name
    path.parent.mkdir(exist_ok=True)
    if "1.4" in name:  # its groups follow from this
        (path.parent / "pyproject.toml").write_text((LOCKS / name).with_name("pyproject.toml").read_text())
    path.write_text(text, encoding="utf-8")

    for asked in (WHOLE, chosen("main"), chosen(group="dev"), chosen("main,dev", extra="net")):
        content = requirement_files.read(path, asked)
        assert all(entry.project == entry.project.lower() for entry in content.wanted)
        assert all(mistake.what for mistake in content.mistakes)
