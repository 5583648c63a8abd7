"""rebuild.sh of a wheelhouse is run as it is written, without an index, on this host."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.build.environment import folder_named
from orchestrator.build.writing import Writing
from orchestrator.experiments import remedies
from orchestrator.model import MemberKind, Pin, Profile, Sdist
from orchestrator.recipes import SetInputs, wheelhouse
from tests import set_cases
from tests.recipe_cases import PLAIN, SHA, installed_pip
from tests.set_cases import GIVEN, House, pack, sin, wheel_name

ALL = remedies.NAMES
HOSTILE = "'$(touch hostile)`touch hostile`\";\ntouch hostile\nEOF\ntouch hostile\r\x1b[31m\\"
SETTING = "'$(touch hostile)`touch hostile`\";touch hostile #\\ ${x}  "
EVIL = replace(
    PLAIN,
    project=HOSTILE,
    version=HOSTILE,
    sdist=Sdist(HOSTILE, f"https://x/{HOSTILE}", SHA),
    pins=(Pin(HOSTILE, HOSTILE, SHA, HOSTILE, "https://x/"),),
    config_settings=((SETTING, SETTING),),
)


@pytest.fixture(scope="session")
def links(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for wheels."""
    return tmp_path_factory.mktemp("links")


@pytest.fixture(scope="session")
def pip(links: Path) -> Pin:
    """Return the pin of pip's wheel in it."""
    return installed_pip(links)


@pytest.fixture
def house(tmp_path: Path, links: Path, pip: Pin) -> House:
    """Return a wheelhouse without releases, whose path has spaces."""
    return House(tmp_path / "it's a $house", pip, links).begin()


def member(dist: Path, project: str, name: str) -> bytes:
    """Return a member of a wheel."""
    with zipfile.ZipFile(dist / wheel_name(project)) as archive:
        return archive.read(name)


def test_a_set_is_rebuilt_and_compared(tmp_path: Path, house: House) -> None:
    """Status 10 while nothing is listed, 0 with SHA256SUMS, in another folder, with another umask and shell."""
    house.add_all(tmp_path, {"umask": sin("umask"), "settings": set_cases.SETTINGS})
    odd = set_cases.settings(house.inputs(tmp_path / "settings-1.0.tar.gz"), ("a b", " $(x) 'y\"  "), ("c", "\\d"))
    house.add(odd)
    first, second = tmp_path / "first", tmp_path / 'a "second" $one'
    done = house.run(first)
    assert done.returncode == 10, done.stderr
    assert done.stdout.count("not listed") == 2
    assert member(first / "dist", "settings", "x.txt") == repr({"a b": " $(x) 'y\"  ", "c": "\\d"}).encode()
    house.list_wheels(first / "dist")
    house.folder.chmod(0o555)
    done = house.run(second, shell=("bash",), before=("sh", "-c", 'umask 077; exec "$@"', "sh"))  # noqa: S604 - it is a name
    house.folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "2 built: 2 as listed, 0 others, 0 not built, 0 missing"
    assert {one.name for one in (second / "dist").iterdir()} == {wheel_name("umask"), wheel_name("settings")}
    assert not list((tmp_path / f"{second.name} tmp").iterdir()), "its own folders are gone"


def test_one_failure_does_not_stop_the_others(tmp_path: Path, house: House) -> None:
    """Another wheel is 10, no wheel is 1, and what is right is reported as such."""
    house.add_all(tmp_path, {"broken": set_cases.BROKEN, "chance": set_cases.CHANCE, "umask": sin("umask")})
    work = tmp_path / "work"
    done = house.run(work)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "3 built: 0 as listed, 2 others, 1 not built, 0 missing"
    assert "not built   broken 1.0" in done.stdout
    house.list_wheels(work / "dist")
    done = house.run(work, "Chance", "UMASK==1.0")
    assert done.returncode == 10
    assert "differs" in done.stdout
    assert "it was built with Python" in done.stderr
    assert done.stdout.splitlines()[-1] == "2 built: 1 as listed, 1 others, 0 not built, 0 missing"
    shutil.rmtree(house.folder / "rebuild")
    house.begin()
    house.add(house.inputs(tmp_path / "umask-1.0.tar.gz"))
    done = house.run(work)
    assert done.returncode == 10, "a listed wheel does not come out"
    assert "SHA256SUMS lists 2 wheels, of which 1 came out" in done.stdout


def test_a_release_is_named_or_given_as_its_sdist(tmp_path: Path, house: House) -> None:
    """By its file's name or its content; another file of that name is refused, and an unknown name is missing."""
    house.add_all(tmp_path, {"umask": sin("umask")})
    sdist = tmp_path / "umask-1.0.tar.gz"
    sdist.rename(tmp_path / "renamed.tgz")
    work = tmp_path / "work"
    done = house.run(work, "../renamed.tgz")
    assert done.returncode == 10, done.stderr
    assert house.run(work, "umask").returncode == 2, "its URL leads nowhere"
    sdist.write_bytes(b"another")
    done = house.run(work, str(sdist))
    assert done.returncode == 1
    assert "not the expected sdist" in done.stderr
    for unknown in ("umask==2.0", "other", "../none.tar.gz"):
        done = house.run(work, unknown)
        assert done.returncode == 2
        assert f"{unknown}: neither a file nor a release" in done.stderr


def test_sdists_are_found_in_a_folder(tmp_path: Path, house: House) -> None:
    """One without a URL is missing, until it is in the folder that SOURCES names, or in sources/."""
    inputs = house.inputs(pack(tmp_path, "umask", sin("umask")))
    house.add(replace(inputs, sdist=replace(inputs.sdist, url="")))
    work = tmp_path / "work"
    done = house.run(work)
    assert done.returncode == 2
    assert "umask-1.0.tar.gz has no URL" in done.stderr
    done = house.run(work, variables={"SOURCES": str(tmp_path / "none")})
    assert done.returncode == 2
    assert "SOURCES names no folder" in done.stderr
    assert house.run(work, variables={"SOURCES": str(tmp_path)}).returncode == 10
    (house.folder / "sources").mkdir()
    (tmp_path / "umask-1.0.tar.gz").rename(house.folder / "sources" / "umask-1.0.tar.gz")
    assert house.run(work).returncode == 10


def test_tools_that_are_built_here_come_first(tmp_path: Path, house: House) -> None:
    """Releases get the wheels of tools/, or those just built, and no others."""
    house.add(house.inputs(pack(tmp_path, "toolbox", set_cases.TOOL)), tool=1)
    work = tmp_path / "work"
    done = house.run(work, "toolbox")
    assert done.returncode == 10, done.stderr
    made = work / "dist" / "tools" / wheel_name("toolbox")
    user = house.inputs(pack(tmp_path, "a-user", set_cases.USES_TOOL), pins=(set_cases.built_here(made),))
    house.add(user)
    done = house.run(tmp_path / "other", "a-user")
    assert done.returncode == 2
    assert "which is built here" in done.stderr
    set_cases.write_sums(made.parent, house.folder / "tools")
    done = house.run(work)
    assert done.returncode == 10
    assert done.stdout.startswith("as listed ")
    assert member(work / "dist", "a-user", "x.txt") == b"42"
    house.list_wheels(work / "dist")
    shutil.copy(made, house.folder / "tools")
    page = tmp_path / "page.html"  # an index with another wheel of that version
    page.write_text(f'<a href="{made.name}#sha256={SHA}">{made.name}</a>')
    published = {"PIP_FIND_LINKS": f"{house.links} {page}"}
    assert house.run(tmp_path / "other", "a-user", variables=published).returncode == 0
    made.write_bytes(b"another")
    (house.folder / "tools" / made.name).unlink()
    done = house.run(work, "a-user")
    assert done.returncode == 1, "a tool with another hash is not installed"


def test_a_profile_has_its_folder(tmp_path: Path, links: Path, pip: Pin) -> None:
    """The source is exactly there; the folders above are made and removed; none that exists is touched."""
    with tempfile.TemporaryDirectory() as top:
        profile = Profile("other", umask=0o027, build_path=f"{top}/above/{{folder}}", timezone="XYZ-3", hash_seed=7)
        given = replace(GIVEN, profile=profile, remedies=())
        assert wheelhouse.set_obstacle(given) == ""
        house = House(tmp_path / "house", pip, links, given).begin()
        values = "import os\n\ndef commit():\n    open('x', 'w').close()\n    return {'x.txt': ' '.join([os.getcwd(), "
        values += "oct(os.stat('x').st_mode), os.environ['TZ'], os.environ['PYTHONHASHSEED']]).encode()}\n"
        house.add_all(tmp_path, {"values": values})
        assert house.run(tmp_path / "work").returncode == 10
        text = member(tmp_path / "work" / "dist", "values", "x.txt").decode()
        assert text == f"{top}/above/values-1.0 0o100640 XYZ-3 7"
        assert not list(Path(top).iterdir())
        (Path(top) / "above" / "values-1.0").mkdir(parents=True)
        done = house.run(tmp_path / "work")
        assert done.returncode == 2
        assert "must be new" in done.stderr
        assert (Path(top) / "above" / "values-1.0").is_dir()


def test_a_fixed_folder_is_that_of_the_release(tmp_path: Path, links: Path, pip: Pin) -> None:
    """Two runs with other TMPDIRs give one wheel."""
    given = replace(GIVEN, remedies=("fix-build-path", "fix-home", "fix-environment"))
    house = House(tmp_path / "house", pip, links, given).begin()
    shows = "import os\n\ndef commit():\n    return {'x.txt': repr((os.getcwd(), sorted(os.environ))).encode()}\n"
    house.add_all(tmp_path, {"shows": shows})
    assert house.run(tmp_path / "first").returncode == 10
    house.list_wheels(tmp_path / "first" / "dist")
    done = house.run(tmp_path / "second", variables={"CAPTURE_ENVIRONMENT": "x"})
    assert done.returncode == 0, done.stdout


def test_remedies_of_a_build_backend_are_for_its_releases(tmp_path: Path, links: Path, pip: Pin) -> None:
    """The data names them, and the script has what they do, after the release's own settings."""
    given = replace(GIVEN, remedies=("hatch-mypyc-build-dir", "build-in-place", "pretend-version"))
    house = House(tmp_path / "house", pip, links, given).begin()
    shows = "import os, sys\n\ndef commit():\n    return {'x.txt': repr((sys.modules['sin'].SETTINGS, "
    shows += "os.environ.get('HATCH_MYPYC_BUILD_DIR', '')[-18:], os.environ['SETUPTOOLS_SCM_PRETEND_VERSION'],"
    shows += "os.path.isdir('build/mypyc'))).encode()}\n"
    inputs = house.inputs(pack(tmp_path, "shows", shows))
    for backend, expected in (
        ("hatchling.build", ({"a": "b"}, "source/build/mypyc", "1.0", True)),
        ("pep517_backend.hooks", ({"a": "b", "build-inplace": "true"}, "", "1.0", False)),
    ):
        house.add(replace(inputs, backend=backend, config_settings=(("a", "b"),)))
        data = house.folder / wheelhouse.DATA / wheelhouse.data_name(inputs.project, inputs.version)
        data.write_text(data.read_text().replace(f"\nbackend {backend}\n", "\nbackend backend\n"))  # what is there
        assert house.run(tmp_path / "work").returncode == 10
        assert member(tmp_path / "work" / "dist", "shows", "x.txt").decode() == repr(expected)


def test_what_backends_have_can_be_written() -> None:
    """rebuild.sh knows of these fields only; a remedy that has others needs more there."""
    blank = Writing()
    for remedy in (one for one in remedies.REMEDIES if one.backends):
        assert replace(remedy.written, folders=(), variables=(), settings=()) == blank, remedy.name


def test_a_signal_ends_all_of_it(tmp_path: Path, house: House) -> None:
    """The build is ended, and its folder removed, though only the first process got the signal."""
    house.add_all(tmp_path, {"sleeps": "import os, time\n\ndef commit():\n    time.sleep(60)\n"})
    (tmp_path / "work").mkdir()
    (tmp_path / "tmp").mkdir()
    process = subprocess.Popen(
        ["/bin/dash", house.folder / "rebuild.sh"],
        cwd=tmp_path / "work",
        env=set_cases.environment(house.links, tmp_path / "tmp"),
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not list((tmp_path / "tmp").glob("rebuild.*/out")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143
    assert not list((tmp_path / "tmp").iterdir())


def test_a_signal_ends_an_installer_that_waits(tmp_path: Path, house: House) -> None:
    """An index that never answers does not keep the script from ending."""
    house.add_all(tmp_path, {"umask": sin("umask")})
    (tmp_path / "work").mkdir()
    (tmp_path / "tmp").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        variables = set_cases.environment(house.links, tmp_path / "tmp")
        del variables["PIP_NO_INDEX"], variables["PIP_FIND_LINKS"]
        variables["PIP_INDEX_URL"] = f"http://127.0.0.1:{server.getsockname()[1]}/simple/"
        process = subprocess.Popen(
            ["/bin/dash", house.folder / "rebuild.sh", tmp_path / "umask-1.0.tar.gz"],
            cwd=tmp_path / "work",
            env=variables,
            stderr=subprocess.DEVNULL,
        )
        connection, _ = server.accept()
        with connection:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 143
    assert not list((tmp_path / "tmp").iterdir())


def test_a_set_is_not_complete_without_each_wheel(tmp_path: Path, house: House) -> None:
    """A release that is there twice does not count for another, and every tool has to come out."""
    house.add_all(tmp_path, {"umask": sin("umask")})
    work = tmp_path / "work"
    house.run(work)
    house.list_wheels(work / "dist")
    (house.folder / "tools").mkdir()
    sums = house.folder / "tools" / "SHA256SUMS"
    sums.write_text(f"{SHA}  tool-1.0-py3-none-any.whl\n")
    done = house.run(work)
    assert done.returncode == 10
    assert "tools/SHA256SUMS lists 1 wheels, of which 0 came out" in done.stdout
    sums.unlink()
    assert house.run(work, "umask", "umask").returncode == 0
    with (house.folder / "SHA256SUMS").open("a") as stream:
        stream.write(f"{SHA}  other-1.0-py3-none-any.whl\n")
    data = next((house.folder / "rebuild").iterdir())
    shutil.copy(data, data.with_name("other-1.0.txt"))
    done = house.run(work)
    assert done.returncode == 2
    assert "two files in" in done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "project \x1b[31m",
        "sdist ../umask-1.0.tar.gz",
        "url https://x/\x1b]0;x\x07",
        "folder /tmp/rebuild-x/../other",
        "folder /var/other",
        "stem ../other",
        "tool ../other.whl",
        "tool *",
        "kind other",
        "sha256 0",
        "require --index-url=https://x/",
        "require ./other",
        "native yes\r",
    ],
)
def test_altered_data_are_refused(tmp_path: Path, house: House, line: str) -> None:
    """Before anything is built, in one line."""
    house.add_all(tmp_path, {"umask": sin("umask")})
    data = next((house.folder / "rebuild").iterdir())
    data.write_text(f"{data.read_text()}{line}", newline="")
    done = house.run(tmp_path / "work")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("is not as it was handed out; get this folder again")
    assert "\x1b" not in done.stderr + done.stdout


def test_a_users_settings_of_python_do_not_count(tmp_path: Path, house: House) -> None:
    """Nor those of pip that are wrong; and a home is not needed."""
    shows = "import os\n\ndef commit():\n    return {'x.txt': os.path.expanduser('~').encode()}\n"
    house.add_all(tmp_path, {"shows": shows})
    names = (
        "PYTHONEXECUTABLE",
        "PYTHONINSPECT",
        "PYTHONPLATLIBDIR",
        "_PYTHON_SYSCONFIGDATA_NAME",
        "PIP_\N{LATIN SMALL LETTER E WITH ACUTE}",
    )
    done = house.run(tmp_path / "work", variables={**dict.fromkeys(names, "x"), "HOME": ""})
    assert done.returncode == 10, done.stderr
    assert member(tmp_path / "work" / "dist", "shows", "x.txt").decode().startswith(str(tmp_path))
    done = house.run(tmp_path / "work", variables={"PIP_NO_COLOR": "x"})
    assert done.returncode == 2
    assert "pip cannot read its settings" in done.stderr


@pytest.mark.parametrize("names", [(), ALL, *((one.name,) for one in remedies.REMEDIES if one.backends)], ids="+".join)
def test_it_is_shell(names: tuple[str, ...]) -> None:
    """For all remedies, in two shells."""
    profile = Profile("x", umask=0o22, build_path="/tmp/x/{folder}", timezone="UTC", hash_seed=0)  # noqa: S108 - no file is made
    for one in (None, profile):
        text = wheelhouse.program(replace(GIVEN, remedies=names, profile=one))
        for shell in ("/bin/dash", "/bin/bash"):
            subprocess.run([shell, "-n"], input=text.encode(), check=True)


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="no shellcheck")
def test_shellcheck_accepts_it() -> None:
    """As it accepts the other forms."""
    text = wheelhouse.program(replace(GIVEN, remedies=ALL))
    subprocess.run(["shellcheck", "--shell=sh", "--severity=error", "-"], input=text.encode(), check=True)  # noqa: S607 - wherever it is


def test_hostile_values_are_data(tmp_path: Path, house: House) -> None:
    """No value of a release or of an image becomes a command, in any file."""
    data = wheelhouse.data_of(EVIL)
    assert not any(line.startswith(("touch", "EOF")) for line in data.splitlines())
    assert "\x1b" not in data
    assert wheelhouse.member_obstacle(replace(EVIL, config_settings=(("a", "b\nurl x"),)))
    name = wheelhouse.data_name(HOSTILE, HOSTILE)
    assert "/" not in name
    (house.folder / "rebuild" / name).write_text(data)
    given = replace(GIVEN, image=HOSTILE, python=HOSTILE, packages=(("gcc", HOSTILE), (HOSTILE, HOSTILE)))
    (house.folder / "rebuild.sh").write_text(wheelhouse.program(replace(given, python=GIVEN.python)))
    done = house.run(tmp_path / "work", variables={"SOURCES": str(tmp_path)})
    assert done.returncode in {1, 2}
    assert not list(tmp_path.rglob("hostile*"))
    for text in (wheelhouse.program(given), wheelhouse.dockerfile(given)):
        assert not any(line.strip().startswith("touch") for line in text.splitlines())
        assert "\x1b" not in text


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        (Profile("x", build_path="relative/{folder}"), "cannot build in the folder"),
        (Profile("x", build_path="/tmp/../{folder}"), "cannot build in the folder"),  # noqa: S108 - no file is made
        (Profile("x", build_path="/tmp/$(x)/{folder}"), "cannot build in the folder"),  # noqa: S108 - no file is made
        (Profile("x", build_path="/tmp/a b"), "cannot build in the folder"),  # noqa: S108 - no file is made
        (Profile("x", umask=0o777), "umask"),
        (Profile("x", timezone="$(x)"), "time zone"),
        (Profile("x", build_path="/tmp/pip-wheel-build/{folder}", umask=0o22), ""),  # noqa: S108 - no file is made
    ],
)
def test_what_no_script_can_set_is_an_obstacle(profile: Profile, why: str) -> None:
    """In one sentence; nothing of it comes into a script."""
    found = wheelhouse.set_obstacle(replace(GIVEN, profile=profile))
    assert why in found
    assert bool(found) is bool(why)


def test_the_recipe_is_on_the_first_screen(tmp_path: Path, house: House) -> None:
    """--help prints it: each setting with its value, and every status."""
    done = house.run(tmp_path / "work", "--help")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert len(lines) < 30
    assert all(len(line) < 130 for line in lines)
    for part in ("umask 022", "SOURCE_DATE_EPOCH=1600000000", "Remedy fix-umask", "Exit status: 0", "Not pinned:"):
        assert part in done.stdout
    assert not (tmp_path / "work" / "dist").exists()


def test_no_member_changes_the_script() -> None:
    """It depends on the settings of the set; the data depend on the release, and not on the expected wheel."""
    assert wheelhouse.program(GIVEN) == wheelhouse.program(replace(GIVEN))
    known = replace(PLAIN, remedies=("fix-umask",))
    assert wheelhouse.data_of(known) == wheelhouse.data_of(replace(known, wheel=None))
    assert wheelhouse.data_of(known) != wheelhouse.data_of(known, MemberKind.TOOL)
    text, data = wheelhouse.program(GIVEN), wheelhouse.data_of(known)
    assert wheelhouse.digest_of(text, data) != wheelhouse.digest_of(text + data, "")


def test_names_of_data_are_unique() -> None:
    """A tool's is no release's, and tools are in order."""
    names = [wheelhouse.data_name("a", "1.0", tool=number) for number in (1, 2, 10, 100)]
    assert names == sorted(names)
    assert wheelhouse.data_name("tool-001-a", "1.0") not in names


def test_a_dockerfile_runs_the_script() -> None:
    """On the image's suite, with what is beside the script, as a user that remedies may demand."""
    given = SetInputs(("fix-umask", "fix-domain-host"), "3.11", "bookworm", (("base-files", "12.4+deb12u5"),), None)
    text = wheelhouse.dockerfile(given, ("rebuild", "tools"))
    assert "FROM debian:12-slim AS build" in text
    assert "COPY rebuild.sh SHA256SUMS /wheelhouse/" in text
    assert "COPY tools/ /wheelhouse/tools/" in text
    assert "RUN sh /wheelhouse/rebuild.sh" in text
    assert "Not done here: the wheel depends on the host's name" in text
    known = replace(given, base=f"debian:bookworm-slim@sha256:{SHA}")
    assert f"FROM debian:bookworm-slim@sha256:{SHA} AS build" in wheelhouse.dockerfile(known)
    noble = replace(given, packages=(("base-files:amd64", "13ubuntu10.1"),), image="noble")
    assert "FROM ubuntu:24.04 AS build" in wheelhouse.dockerfile(noble)


def test_the_folder_of_a_profile_is_named_after_the_sdist() -> None:
    """As the farm names it."""
    inputs = replace(PLAIN, sdist=replace(PLAIN.sdist, filename="A.b-1.0.zip"))
    assert f"stem {folder_named('A.b-1.0.zip')}\n" in wheelhouse.data_of(inputs)


def test_a_users_variables_are_not_those_of_the_script(tmp_path: Path, house: House) -> None:
    """One that has the name of a variable of the script does not reach builds with another value."""
    shows = "import os\n\ndef commit():\n    return {'x.txt': repr(sorted(os.environ)).encode()}\n"
    house.add_all(tmp_path, {"shows": shows})
    assert house.run(tmp_path / "work", variables={"project": "x", "url": "y", "SOURCES": "."}).returncode == 10
    names = member(tmp_path / "work" / "dist", "shows", "x.txt").decode()
    assert not any(f"'{name}'" in names for name in ("project", "url", "SOURCES", "release", "folder"))


def test_where_no_program_can_run_the_advice_fits() -> None:
    """TMPDIR does not move a fixed folder."""
    assert "run in $work; set TMPDIR" in wheelhouse.program(replace(GIVEN, remedies=()))
    assert "run in $work; mount /tmp without noexec" in wheelhouse.program(replace(GIVEN, remedies=("fix-build-path",)))
