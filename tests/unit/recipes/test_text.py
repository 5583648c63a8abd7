"""The text of recipes, in all forms: what hostile names become, and what other programs read in it."""

from __future__ import annotations

import gc
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yaml

from orchestrator.experiments import remedies
from orchestrator.model import BUILT_HERE, RecipeForm, Sdist, WheelFile
from orchestrator.recipes import RecipeInputs, obstacle, wanted, write
from orchestrator.recipes.embedding import check, crlf, embedded, finish, hook, install, restamp, unpack, wrap
from orchestrator.recipes.frontends import lock
from tests.recipe_cases import PIN, PLAIN, SHA

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HOSTILE = (
    "`touch hostile`$(touch hostile)${{ secrets.X }}'\";touch hostile\nEOF\nEND-OF-RECIPE\ntouch hostile\n"
    "\x1b[31m$(shell touch hostile)\\"
)
SETTING = HOSTILE.replace("\n", " ").replace("\x1b", "") + " a\\#b\\\\#c"
SCRIPTS = (RecipeForm.SH, RecipeForm.BUILD, RecipeForm.UV)
EVIL = replace(
    PLAIN,
    project=HOSTILE,
    version=HOSTILE,
    sdist=Sdist(HOSTILE, f"https://index.invalid/{HOSTILE}", SHA),
    pins=(replace(PIN, name=HOSTILE, version=HOSTILE),),
    python=HOSTILE,
    image=HOSTILE,
    base=HOSTILE,
    backend=SETTING,
    backend_path=(SETTING,),
    packages=((f"gcc-{HOSTILE}9", HOSTILE), ("gcc", HOSTILE), (HOSTILE, HOSTILE)),
    config_settings=((SETTING, SETTING),),
    wheel=WheelFile(HOSTILE, SHA, 1),
)
ALL = tuple(remedy.name for remedy in remedies.REMEDIES)
SETS = [(name,) for name in ALL] + [ALL, ()]


STANDALONE = f"3.11+sha256.{'0' * 64}"


@pytest.mark.parametrize("names", SETS, ids="+".join)
@pytest.mark.parametrize("form", SCRIPTS)
def test_every_script_is_shell(form: RecipeForm, names: tuple[str, ...]) -> None:
    """For each remedy and for all of them, in two shells."""
    text = write(form, replace(EVIL, remedies=names))
    for shell in ("dash", "bash"):
        subprocess.run([f"/bin/{shell}", "-n"], input=text.encode(), check=True)


@pytest.mark.parametrize("form", RecipeForm)
@pytest.mark.parametrize("given", [EVIL, replace(EVIL, remedies=ALL)], ids=["plain", "all"])
def test_no_line_of_a_package_is_a_line_of_a_recipe(form: RecipeForm, given: RecipeInputs) -> None:
    """No hostile text ends a comment, a quotation or a heredoc, and no control character is left."""
    text = write(form, given)
    assert not any(line.strip().startswith(("touch hostile", "EOF hostile")) for line in text.splitlines())
    assert "\x1b" not in text
    assert "${{" not in text
    for line in text.splitlines():
        if "touch hostile" in line and not line.lstrip().startswith("#"):
            assert "config-setting" in line or "PYBUILD_BUILD_ARGS" in line, "only settings may be there, quoted"


@pytest.mark.parametrize("form", SCRIPTS)
def test_a_hostile_script_runs_nothing(tmp_path: Path, form: RecipeForm) -> None:
    """It ends because its sdist is missing."""
    (tmp_path / "recipe.sh").write_text(write(form, EVIL))
    done = subprocess.run(["/bin/dash", "recipe.sh"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recipe.sh"]


@pytest.mark.parametrize("names", [ALL, (), ("set-epoch", "canonical-archive")], ids=["all", "none", "two"])
@pytest.mark.parametrize("given", [PLAIN, EVIL], ids=["plain", "hostile"])
def test_debian_rules_is_make(tmp_path: Path, given: RecipeInputs, names: tuple[str, ...]) -> None:
    """Make reads it, and nothing runs while it does; the finishing steps come after the build."""
    (tmp_path / "rules").write_text(write(RecipeForm.DEBIAN_RULES, replace(given, remedies=names)))
    targets = re.findall(r"^(override_\w+|execute_\w+):", (tmp_path / "rules").read_text(), re.MULTILINE)
    done = subprocess.run(
        ["/usr/bin/make", "-n", "-f", "rules", "build", *targets],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "dh build --with python3 --buildsystem=pybuild" in done.stdout
    assert not (tmp_path / "hostile").exists()
    assert ("canonical-archive" in done.stdout) == ("canonical-archive" in names)
    if names == ALL:
        assert "umask 022; chmod -R u=rwX,go=rX .; " in done.stdout
        assert "'-ffile-prefix-map=$source=.'" in done.stdout
    temporary = tmp_path / "debian/rebuild/tmp"
    assert (f"mkdir -p '{temporary}'" in done.stdout) == (names == ALL)
    assert (f"TMPDIR='{temporary}' " in done.stdout) == (names == ALL), "for fix-tmpdir"


def test_a_setting_reaches_the_build_as_it_is(tmp_path: Path) -> None:
    """Through make and a shell, with every quote and dollar."""
    rules = write(RecipeForm.DEBIAN_RULES, replace(PLAIN, config_settings=(("key", SETTING),)))
    (tmp_path / "rules").write_text(rules + '\nprint:\n\t@eval "set -- $$PYBUILD_BUILD_ARGS"; printf \'%s\' "$$1"\n')
    done = subprocess.run(
        ["/usr/bin/make", "-s", "-f", "rules", "print"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"-Ckey={SETTING}"
    assert not (tmp_path / "hostile").exists()


@pytest.mark.parametrize("given", [PLAIN, EVIL], ids=["plain", "hostile"])
def test_a_workflow_contains_the_script_as_it_is(given: RecipeInputs) -> None:
    """YAML gives it back, byte for byte."""
    job = yaml.safe_load(write(RecipeForm.GITHUB, given))["jobs"]["rebuild"]
    assert [step["run"] for step in job["steps"] if "shell" in step] == [write(RecipeForm.SH, given)]
    assert job["container"].startswith("debian:")
    uploads = [step for step in job["steps"] if step.get("uses", "").startswith("actions/upload-artifact@")]
    assert uploads[0]["with"]["path"] == "dist/*.whl"


@pytest.mark.parametrize("url", [PLAIN.sdist.url, ""], ids=["fetched", "given"])
def test_a_workflow_is_valid(tmp_path: Path, url: str) -> None:
    """By the schema of GitHub's workflows; the sdist is in the repository where no URL is known."""
    path = tmp_path / "rebuild.yml"
    path.write_text(write(RecipeForm.GITHUB, replace(EVIL, sdist=replace(PLAIN.sdist, url=url))))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_dockerfile_contains_the_script_as_it_is() -> None:
    """In a heredoc that nothing expands, run by a user without rights; of the packages only those that matter."""
    text = write(RecipeForm.DOCKERFILE, PLAIN)
    script = write(RecipeForm.SH, PLAIN)
    assert f"COPY <<'END-OF-RECIPE' /build/recipe.sh\n{script}END-OF-RECIPE\nUSER builder\n" in text
    assert f"FROM {PLAIN.base} AS build" in text
    assert "libyaml-dev" in text
    assert "perl" not in text
    assert write(RecipeForm.DOCKERFILE, EVIL).count("\nEND-OF-RECIPE\n") == 1


@pytest.mark.parametrize(
    ("image", "packages", "expected"),
    [
        ("rust", (("base-files:amd64", "12.4+deb12u12"),), "debian:12-slim"),
        ("mine", (("base-files:amd64", "13.8"),), "debian:13-slim"),
        ("bookworm", (), "debian:bookworm-slim"),
        ("rust", (), "debian:stable-slim"),
        ("rust", (("base-files:amd64", HOSTILE),), "debian:stable-slim"),
        ("noble", (("base-files:amd64", "13ubuntu10.3"),), "ubuntu:24.04"),
        ("mine", (("base-files:amd64", "99ubuntu1"),), "ubuntu:latest"),
        ("mine", (("base-files:amd64", "12.4"), ("cpython:all", STANDALONE)), "python:3.11-slim-bookworm"),
    ],
)
def test_a_base_exists_whatever_the_image_is_called(
    image: str, packages: tuple[tuple[str, str], ...], expected: str
) -> None:
    """It has the version of Debian that the image has."""
    given = replace(PLAIN, base="", image=image, packages=packages)
    assert f"FROM {expected} AS build" in write(RecipeForm.DOCKERFILE, given)
    assert f"container: '{expected}'" in write(RecipeForm.GITHUB, given)


@pytest.mark.parametrize("form", SCRIPTS)
def test_shellcheck_accepts_it(form: RecipeForm) -> None:
    """Where it is installed."""
    if not (shellcheck := shutil.which("shellcheck")):
        pytest.skip("no shellcheck")
    subprocess.run([shellcheck, "-s", "sh", "-"], input=write(form, replace(PLAIN, remedies=ALL)).encode(), check=True)


def test_a_text_depends_on_its_inputs_only() -> None:
    """And is small, as each record has it."""
    plain = replace(PLAIN, remedies=("fix-umask",))
    assert write(RecipeForm.SH, plain) == write(RecipeForm.SH, replace(plain))
    assert len(write(RecipeForm.SH, plain)) < 13_000


def test_the_expected_hash_is_in_the_header_and_in_the_comparison() -> None:
    """Nothing else changes once it is known."""
    known, unknown = (write(RecipeForm.SH, one).splitlines() for one in (PLAIN, replace(PLAIN, wheel=None)))
    assert len(known) == len(unknown)
    differing = [line for line, other in zip(known, unknown, strict=True) if line != other]
    assert len(differing) == 4
    assert f"expected='{SHA}'" in differing


def test_what_no_recipe_can_do_is_an_obstacle() -> None:
    """A build requirement that no index has, or that has no hash."""
    assert obstacle(PLAIN) == ""
    assert "built here" in obstacle(replace(PLAIN, pins=(replace(PIN, url=BUILT_HERE),)))
    assert "no SHA-256" in obstacle(replace(PLAIN, pins=(replace(PIN, sha256=""),)))
    assert "no SHA-256" in obstacle(replace(PLAIN, sdist=replace(PLAIN.sdist, sha256="")))
    assert "cannot be printed" in obstacle(replace(PLAIN, config_settings=(("a", "b\n"),)))
    assert "cannot be printed" in obstacle(replace(PLAIN, backend="a\nb"))
    assert "cannot be printed" in obstacle(replace(PLAIN, backend_path=("a\nb",)))
    assert obstacle(replace(PLAIN, sdist=replace(PLAIN.sdist, url=""))) == "", "it is given"


def test_what_is_wanted_besides_the_pins() -> None:
    """The frontend, what remedies need, and of equal projects the pin's version."""
    names = [one.name for one in wanted(RecipeForm.BUILD, replace(PLAIN, remedies=("fix-time",)))]
    assert names == ["build", "libfaketime", "packaging", "pyproject-hooks"]
    assert wanted(RecipeForm.UV, PLAIN) == ()
    assert wanted(RecipeForm.SH, PLAIN) == (), "pip is there, and no build needs it"
    pinned = replace(PLAIN, pins=(replace(PIN, name="build"),))
    assert [one.name for one in wanted(RecipeForm.BUILD, pinned)] == ["packaging", "pyproject-hooks"]
    assert all(one.hashes for one in lock().values())


@pytest.mark.parametrize("program", [check, crlf, finish, hook, install, restamp, unpack, wrap])
def test_an_embedded_program_is_python_and_ends_no_quotation(program: Callable[[], str]) -> None:
    """No line is the end of a heredoc; the programs in single quotes have none."""
    text = program()
    compile(text, "program", "exec")
    assert "EOF" not in text.splitlines()
    assert "'" not in hook() + install()


def test_no_wrapper_calls_itself(tmp_path: Path) -> None:
    """Even if its folder is first in PATH already, as in debian/rules."""
    folder = tmp_path / "compilers"
    (tmp_path / "wrap.py").write_text(wrap())
    variables = {"PATH": f"{folder}:/usr/local/bin:/usr/bin:/bin"}
    arguments = [sys.executable, "wrap.py", str(folder), "w", "s", "e", "-g0"]
    subprocess.run(arguments, cwd=tmp_path, env=variables, check=True)
    assert (folder / "gcc").exists()
    assert not [path for path in folder.iterdir() if f"exec {folder}" in path.read_text()]


def test_only_what_runs_is_embedded() -> None:
    """No docstrings, comments and types; strings stay."""
    head = 'from __future__ import annotations\n"""Doc."""\n\n\n'
    body = '    """Doc."""\n    x: int = 1  # noqa\n    # why\n    return {two: x + one}\n'
    source = f'{head}def f(one: int, two: str = "#") -> dict[str, int]:\n{body}'
    assert embedded(source) == 'def f(one, two = "#"):\n x = 1\n return {two: x + one}\n'


class _Cycle:
    """Garbage whose collection runs code, which lets other threads run."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        for _ in range(200):
            pass


def test_programs_are_embedded_in_threads() -> None:
    """CPython before 3.11.8 raises SystemError if two threads parse; at different depths of the stack."""
    source = "".join(f"x{number} = [{number}, (1, 2)]\n" for number in range(200))

    def at_depth(frames: int) -> str:
        return at_depth(frames - 1) if frames else embedded(source)

    def work(frames: int) -> set[str]:
        return {at_depth(frames) for _ in range(5) if [_Cycle() for _ in range(50)]}

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            texts = set().union(*pool.map(work, range(0, 40, 10)))
    finally:
        sys.setswitchinterval(interval)
    assert texts == {source}
    assert gc.isenabled()


def test_remedies_apply_to_their_backends() -> None:
    """Those without a backend to all."""
    named = remedies.named
    assert remedies.applies(named("meson-build-dir"), "mesonpy")
    assert not remedies.applies(named("meson-build-dir"), "setuptools.build_meta")
    assert remedies.applies(named("scikit-build-dir"), "scikit_build_core.build")
    assert not remedies.applies(named("scikit-build-dir"), "scikit_build_core_other")
    assert remedies.applies(named("build-in-place"), "pep517_backend.hooks")
    assert remedies.applies(named("fix-umask"), "anything:backend")


def test_packages_of_debian_that_are_others_here_are_named() -> None:
    """A compiled wheel depends on compilers and headers, which no hash pins; a pure one does not."""
    packages = (("gcc-12:amd64", "12.2.0-14"), ("libpython3.11-dev:amd64", "3.11.2-6"), ("perl:amd64", "5.36"))
    text = write(RecipeForm.SH, replace(PLAIN, native=True, packages=packages))
    assert "\ngcc-12 12.2.0-14\nlibpython3.11-dev 3.11.2-6\nEOF\n" in text
    assert "perl" not in text
    assert "compiled_with" not in write(RecipeForm.SH, replace(PLAIN, native=False, packages=packages))
