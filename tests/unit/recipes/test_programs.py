"""The programs that a recipe embeds, each run by itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.recipes.embedding import check, hook
from orchestrator.recipes.programs.check import places

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
ROOT = Path(__file__).parents[3]
BACKEND = """
import json, os, sys
class Inner:
    def build_wheel(self, *arguments):
        seen = {"arguments": arguments[1:], "argv": sys.argv[1:], "folder": os.getcwd(), "path": sys.path[:2]}
        seen["variables"] = sorted(os.environ)
        with open(os.path.join(arguments[0], "seen.json"), "w") as out:
            json.dump(seen, out)
        return "name.whl"
outer = type("Outer", (), {"inner": Inner()})
"""
GUEST = """
import json, sys
from orchestrator.guest.main import call_hook
call_hook(json.loads(sys.argv[1]), "build_wheel", *sys.argv[2:])
"""


def checked(home: Path, **variables: str) -> str:
    """Return what the first program prints, for a user whose home that is."""
    done = subprocess.run(
        [sys.executable, "-", VERSION, "pip"],
        input=check(),
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "PYTHONSAFEPATH": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            **variables,
        },
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def evaluated(lines: str, **variables: str) -> dict[str, str]:
    """Return the variables of pip that a shell has after it evaluated lines."""
    done = subprocess.run(
        ["/bin/dash", "-c", f"{lines}\nenv"], env=variables, capture_output=True, text=True, check=True
    )
    pairs = (line.partition("=") for line in done.stdout.splitlines())
    return {name: value for name, _, value in pairs if name.startswith("PIP_")}


@pytest.mark.parametrize(
    ("place", "variables"),
    [
        (".config/pip/pip.conf", {}),
        (".pip/pip.conf", {}),
        ("own/pip/pip.conf", {"XDG_CONFIG_HOME": "{home}/own"}),
        ("shared/pip/pip.conf", {"XDG_CONFIG_DIRS": "/nowhere:{home}/shared"}),
        ("any.ini", {"PIP_CONFIG_FILE": "{home}/any.ini"}),
    ],
)
def test_an_index_in_a_configuration_file_counts(tmp_path: Path, place: str, variables: Mapping[str, str]) -> None:
    """Wherever pip reads one; a variable counts more; other settings do not."""
    file = tmp_path / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        "[global]\nindex-url = https://a b'c.invalid\ntimeout = 1\nproxy = p\n[install]\ntimeout = 7\nuser = true\n"
    )
    told = {name: value.format(home=tmp_path) for name, value in variables.items()}
    told |= {"PIP_PROXY": "mine", "PIP_TARGET": "/nowhere", "PIP_NO_INDEX": "1"}
    found = evaluated(checked(tmp_path, **told), **told)
    assert not {"PIP_TARGET", "PIP_USER", "PIP_CONFIG_FILE"} & set(found)
    expected = {"PIP_INDEX_URL": "https://a b'c.invalid", "PIP_TIMEOUT": "7", "PIP_PROXY": "mine", "PIP_NO_INDEX": "1"}
    assert expected.items() <= found.items(), "the host may have settings of its own"


def test_pip_is_asked_only_where_it_may_have_settings(tmp_path: Path) -> None:
    """The null device means that it has none, not even in other files."""
    asked = tmp_path / "asked"
    spy = tmp_path / "spy"
    spy.mkdir()
    note = f"import sys\nif 'config' in sys.orig_argv: open({str(asked)!r}, 'w').close()\n"
    (spy / "sitecustomize.py").write_text(note)
    variables = {"PYTHONPATH": str(spy), "PIP_FIND_LINKS": "/a"}
    expected = {"PIP_FIND_LINKS": "/a"}
    if not any(map(os.path.exists, set(places()) - {str(Path.home() / ".config/pip/pip.conf")})):
        assert evaluated(checked(tmp_path, **variables), **variables) == expected
        assert not asked.exists()
    (tmp_path / ".pip").mkdir()
    (tmp_path / ".pip/pip.conf").write_text("[global]\nno-index = true\n")
    none = {**variables, "PIP_CONFIG_FILE": os.devnull}
    assert evaluated(checked(tmp_path, **none), **none) == expected
    assert not asked.exists()
    given = evaluated(checked(tmp_path, **variables), **variables)
    assert given["PIP_NO_INDEX"] == "true"
    assert asked.exists()


def test_the_places_are_those_of_pip() -> None:
    """All files that the installed pip would read."""
    done = subprocess.run([sys.executable, "-m", "pip", "config", "debug"], capture_output=True, text=True, check=True)
    read = [line.strip().rpartition(", exists:")[0] for line in done.stdout.splitlines() if ", exists:" in line]
    assert len(read) >= 4
    assert set(read) <= {os.path.realpath(one) for one in places()} | set(places())


def test_pip_may_be_in_any_folder_but_the_current_one(tmp_path: Path) -> None:
    """Its folder is printed; one that is too old is refused."""
    (tmp_path / "shadow.py").touch()
    (tmp_path / "shlex.py").write_text("raise SystemExit('of the current folder')")
    assert "pip=" in checked(tmp_path)
    folder = tmp_path / "it's"
    (folder / "pip").mkdir(parents=True)
    (folder / "pip/__init__.py").write_text("__version__ = '99.1'")
    done = subprocess.run(
        [
            "/bin/dash",
            "-c",
            f'{checked(tmp_path, PYTHONPATH=str(folder), PIP_CONFIG_FILE=os.devnull)}\nprintf %s "$pip"',
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == str(folder)
    for text in ("__version__ = '22.2'", "import nothing", "", "__version__ = None"):
        (folder / "pip/__init__.py").write_text(text)
        command = [sys.executable, "-", VERSION, "pip"]
        variables = {"PYTHONPATH": str(folder), "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
        refused = subprocess.run(command, input=check(), env=variables, capture_output=True, text=True, check=False)
        assert refused.returncode == 2
        assert "no pip 22.3 or later" in refused.stderr


@pytest.mark.parametrize("settings", [(), (("one", "a=b c"), ("--two", ""), ("one", "d"))], ids=["plain", "settings"])
def test_a_backend_is_called_as_the_guest_calls_it(tmp_path: Path, settings: tuple[tuple[str, str], ...]) -> None:
    """The arguments, the folder, the path and the variables are those of a build that counts."""
    source = tmp_path / "source"
    for folder in ("in tree", "lib"):
        (source / folder).mkdir(parents=True)
    (source / "lib/package").mkdir()
    (source / "lib/package/__init__.py").touch()
    (source / "lib/package/backend.py").write_text(BACKEND)
    backend, folders = "package.backend:outer.inner", ("in tree", "lib")
    together = {key: [value for name, value in settings if name == key] for key, _ in settings}
    spec = {
        "backend": backend,
        "backend_path": folders,
        "config_settings": {key: values if values[1:] else values[0] for key, values in together.items()},
    }
    seen = []
    for name in ("ours", "guest"):
        out = tmp_path / name
        out.mkdir()
        options = [f"--backend-path={one}" for one in folders]
        options += [f"--config-setting={key}={value}" for key, value in settings]
        commands = {
            "ours": ["-c", hook(), str(source), str(out), backend, *options],
            "guest": ["-c", GUEST, json.dumps(spec), str(source), str(out)],
        }
        subprocess.run(
            [sys.executable, *commands[name]],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            check=True,
        )
        seen.append(json.loads((out / "seen.json").read_text()))
    assert seen[0] == seen[1]
    assert seen[0]["path"] == [str(source / one) for one in folders]
