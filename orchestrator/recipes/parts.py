"""The parts of scripts, for a recipe of one release and for that of a set.

Every text is POSIX shell. Values of a package or a user pass `quoting`; those of remedies are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.model import RecipeForm
from orchestrator.recipes import embedding
from orchestrator.recipes.quoting import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orchestrator.recipes.plan import Plan

TOOLCHAIN = ("binutils", "clang", "cargo", "cmake", "g++", "gcc", "gfortran", "rustc")
"""Packages of Debian that decide what a compiled wheel contains, and that no hash pins, besides all headers (-dev)."""

_CARGO = ("CARGO_HOME", "CARGO_NET_OFFLINE", "RUSTUP_HOME")
"""Where Rust's tools and crates are, which a clean environment keeps."""

_COMPILING = (
    "AR ARCHFLAGS ARFLAGS CC CCSHARED CFLAGS CPP CPPFLAGS CXX CXXFLAGS FC FFLAGS LDCXXSHARED LDFLAGS LDSHARED RUSTFLAGS"
)
_INTERPRETING = (
    "PYTHONDEBUG PYTHONEXECUTABLE PYTHONHOME PYTHONINSPECT PYTHONOPTIMIZE PYTHONPLATLIBDIR PYTHONVERBOSE PYTHONWARNINGS"
    " _PYTHON_HOST_PLATFORM _PYTHON_SYSCONFIGDATA_NAME"
)

SETTING_OPTION = "--config-setting"
PATH_OPTION = "--backend-path"
"""Options of the program that builds, each with a value after =."""

_GROUP = (
    "import os, signal, sys; os.setpgid(0, 0); signal.signal(2, signal.SIG_DFL); os.execvp(sys.argv[1], sys.argv[1:])"
)
"""Runs the build in a separate process group, so that a signal to the script ends all of it. Our own program makes its
group itself: what remedies put before it becomes that program, with the same process number."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What one release has and another has not, as a script writes it: literals, or variables of the shell.

    Each is one word of a shell, quoted if it has to be; `needs`, `settings` and `more` may be several.
    """

    url: str  # of the sdist
    sha256: str  # of the sdist
    folder: str  # the fixed one, if the wheel depends on the path
    needs: str  # arguments of the program that checks Python
    backend: str  # of PEP 517
    settings: str  # arguments for the build backend's path and settings, each with a space before it
    dist: str = "dist"  # the folder for the wheel
    source: str = ""  # the folder of the unpacked source, if it is another than that in `$work`
    background: bool = False  # whether the script builds in the background, where only the build can be interrupted
    more: tuple[str, ...] = ()  # names of variables that the build gets if they are set


def toolchain(packages: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return the packages of an image that decide what is compiled, as "name version": compilers and headers."""
    named_ = ((name.split(":")[0], version) for name, version in packages)
    return tuple(
        f"{plain(name)} {plain(version, '~:')}"
        for name, version in named_
        if name in TOOLCHAIN or name.endswith("-dev") or (name.rpartition("-")[0] in TOOLCHAIN and name[-1].isdigit())
    )


def begun() -> str:
    """Return how a script begins: it ends at the first error, and says why."""
    return """set -eu
say() { printf '%s\\n' "$*" >&2; }
need() {
 say "$0: $*"
 exit 2
}
fail() {
 say "$0: $*"
 exit 1
}"""


WRITABLE = '[ -w dist ] || need "cannot write to dist/; change to a folder of your own"'
"""Checks that there will be room for the wheel."""


def checked(form: RecipeForm, python: str, plan: Plan, texts: Texts) -> Iterator[str]:
    """Yield what checks the machine: Python, the programs of remedies, and what remedies demand of it."""
    of_pip = "" if form is RecipeForm.UV else "PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1 "
    yield f"""unset {_INTERPRETING}
export PYTHONSAFEPATH=1
found=$("${{PYTHON:-python3}}" - {plain(python)} {texts.needs} <<'EOF'
{embedding.check()}EOF
) || case $? in 2) exit 2 ;; *) need "no Python; install python3, or set PYTHON" ;; esac
eval "$found"
export {of_pip}PIP_NO_CACHE_DIR=1"""
    tools = ["uv"] * (form is RecipeForm.UV) + ["strip"] * ("strip-debug" in plan.finish)
    for name in (*tools, *(words[0] for words in plan.wrap)):
        yield f'command -v {name} >/dev/null || need "no {name}; install it"'
    for condition, note in (check for check in plan.checks if check[0]):
        yield f'{condition} || need "{note}"'
    if form is RecipeForm.UV:
        yield "uv=$(command -v uv)"


def other_packages(packages: tuple[str, ...]) -> Iterator[str]:
    """Define a function that names the packages of Debian that are others here: a compiled wheel may depend on each."""
    yield """compiled_with() {
 command -v dpkg-query >/dev/null || return 0
 while read -r name version; do
  present=$(dpkg-query -W -f '${Version}' "$name" 2>/dev/null) || present=
  [ "$present" = "$version" ] || say "note: $name is ${present:-absent}; the recipe was written for $version"
 done <<'EOF'"""
    yield from packages
    yield "EOF\n}"


def cleaned(texts: Texts) -> str:
    """Return what ends the build and removes its folders, however the script ends."""
    with_source = f"""
{_removal("place")}
 for one in $parents; do rmdir "$one" 2>/dev/null || :; done"""
    return f"""child='' top='' hidden=''{" place='' parents=''" if texts.source else ""}
clean() {{
 trap '' HUP INT TERM
 if [ -n "$child" ]; then
  kill -s KILL -- "-$child" 2>/dev/null || kill -s KILL "$child" 2>/dev/null || :
  wait "$child" 2>/dev/null || :
 fi
 [ -z "$hidden" ] || rm -f "$hidden"
{_removal("top")}{with_source if texts.source else ""}
}}
trap clean EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM"""


def _removal(variable: str) -> str:
    """Return what removes the folder that a variable names, if any, whatever modes the build gave its folders."""
    return f""" [ -z "${variable}" ] || rm -rf "${variable}" 2>/dev/null || {{
  chmod -R u+rwX "${variable}" 2>/dev/null || :
  rm -rf "${variable}" || say "$0: cannot remove ${variable}"
 }}"""


def folders(plan: Plan, texts: Texts) -> Iterator[str]:
    """Yield what makes the folder of the build, and sets `work`, `source` and `env`."""
    if plan.fixed_folder:
        place = texts.folder
        yield f'mkdir -m 700 {place} || need "{_within(place)} must be new; remove it if no other recipe runs"'
        yield f"top={place}"
    else:
        yield 'top=$(mktemp -d "${TMPDIR:-/tmp}/rebuild.XXXXXXXX") || top=$(mktemp -d /tmp/rebuild.XXXXXXXX)'
        yield 'top=$(CDPATH= cd -- "$top" && pwd -P)'
        yield 'case $top in *:*) need "the path of TMPDIR contains a colon; set TMPDIR" ;; esac'
    yield "work=$top"
    if plan.length:
        yield f'work=$top/x\nwhile [ "${{#work}}" -lt {plan.length} ]; do work=${{work}}x; done'
        yield f'[ "${{#work}}" -eq {plan.length} ] || need "the path of TMPDIR is too long"\nmkdir "$work"'
    yield "source=$work/source env=$work/env"
    yield from plan.lines
    if texts.source:
        yield _own_source(texts.source)
    yield 'mkdir "$work/tmp" "$work/out"'


def runnable(plan: Plan) -> str:
    """Return what checks that programs can be run in the folder."""
    advice = "mount /tmp without noexec" if plan.fixed_folder else "set TMPDIR"
    return f"""printf '#!/bin/sh\\n' >"$work/run"
chmod 700 "$work/run"
"$work/run" 2>/dev/null || need "no program can be run in $work; {advice}"
rm "$work/run\""""


def _own_source(place: str) -> str:
    """Return what creates the folder of the source, and those above it, which are removed with it."""
    return f"""source={place}
parent=${{source%/*}}
while [ -n "$parent" ] && [ ! -d "$parent" ]; do parents="$parents $parent" parent=${{parent%/*}}; done
(umask 022 && mkdir -p "${{source%/*}}") && mkdir "$source" ||
 need "$source must be new, in a folder that you may write to; remove it if no other recipe runs"
place=$source"""


def _within(word: str) -> str:
    """Return a word of a shell as it is written between double quotes."""
    return word.strip("\"'")


def unpacked(form: RecipeForm, plan: Plan, texts: Texts) -> Iterator[str]:
    """Yield what unpacks the sdist, which `sdist` names; if that is empty, it is fetched.

    It creates the environment too, as each start of Python takes time; uv creates its own.
    """
    environment = "" if form is RecipeForm.UV else ' "$env"'
    yield f"""unset SOURCE_DATE_EPOCH {_COMPILING}
"$python" -I - "$sdist" {texts.url} {texts.sha256} \\
 "$source"{environment} <<'EOF' &
{embedding.unpack()}EOF
child=$!
wait "$child" || case $? in 2) exit 2 ;; *) fail 'unpacking the sdist failed' ;; esac
child=''
unset SDIST_ORDER"""
    if plan.crlf:
        yield f""""$python" -I - "$source" <<'EOF'
{embedding.crlf()}EOF"""
    yield from (f'mkdir -p "{one}"' for one in plan.folders)


def installed(texts: Texts) -> str:
    """Return what installs the build requirements with pip, from requirements.txt in `$work`."""
    group = "apart" if texts.background else "here"
    ended = '&\nchild=$!\nwait "$child" ||' if texts.background else "||"
    over = "\nchild=''" if texts.background else ""
    return f"""TMPDIR=$work/tmp "$env/bin/python" -c '{embedding.install()}' \\
 "$pip" {group} install --quiet --require-hashes --no-deps --only-binary :all: --ignore-installed --no-compile \\
 --no-cache-dir --no-warn-script-location -r "$work/requirements.txt" {ended}
 fail "installing the build requirements failed"{over}"""


UNSET = "unset PYTHONPATH PYTHONSAFEPATH"
"""What only pip needs."""


def installed_by_uv() -> str:
    """Return what installs them with uv."""
    return f"""{UNSET} UV_BUILD_CONSTRAINT UV_CONSTRAINT UV_EXCLUDE_NEWER
unset UV_OVERRIDE UV_PREFIX UV_PYTHON UV_TARGET
export UV_CACHE_DIR="$work/cache"
"$uv" venv --quiet --python "$python" "$env"
(cd "$work" && TMPDIR=$work/tmp "$uv" pip install --quiet --python "$env/bin/python" --require-hashes --no-deps \\
 --only-binary :all: -r requirements.txt) || fail 'installing the build requirements failed'"""


def prepared(plan: Plan) -> Iterator[str]:
    """Yield what a build has around it: a module of Python, and wrappers of compilers."""
    if plan.written_crlf:
        yield f"""packages=$("$env/bin/python" -I -c 'import site; print(site.getsitepackages()[0])')
cat >"$packages/line_ends.py" <<'EOF'
{embedding.written_crlf()}EOF
printf 'import line_ends; line_ends.write_crlf()\\n' >"$packages/line_ends.pth\""""
    if plan.flags:
        flags = " ".join(f'"{flag}"'.replace("$", "\\$") for flag in plan.flags)
        yield f"""compilers=$("$python" -I - "$work/compilers" "$work" "$source" "$env" {flags} <<'EOF'
{embedding.wrap()}EOF
)"""


def built(form: RecipeForm, plan: Plan, texts: Texts) -> Iterator[str]:
    """Yield what builds, in an environment and a process group that are the build's alone."""
    compilers = "$work/compilers:" if plan.flags else ""
    variables = dict([("TMPDIR", "$work/tmp"), ("PYTHONDONTWRITEBYTECODE", "1"), *plan.variables])
    exports = "".join(f'\n export {name}="{value}"' for name, value in variables.items())
    wrapped = '\n eval "$compilers"' if plan.flags else ""
    clean = _clean(plan, (*variables, *texts.more), form) if plan.clean_environment else ""
    by_hook = form is RecipeForm.SH
    group = "" if by_hook else f""""$python" -I -c '{_GROUP}' \\\n  """
    words = "".join(f'"{word}" ' for wrap in plan.wrap for word in wrap) + _command(form, texts)
    failed = '{\n cat "$work/log" >&2\n fail "the build failed"\n}' if by_hook else 'fail "the build failed"'
    yield f"""(
 cd "$work"
 [ -n "${{HOME-}}" ] || export HOME="$work/tmp"
 export PATH="{compilers}$env/bin:{plan.path}"{exports}{wrapped}
 exec {group}{clean}{words}
) </dev/null {'>"$work/log" 2>&1 ' if by_hook else ""}&
child=$!
wait "$child" || {failed}
kill -s KILL -- "-$child" 2>/dev/null || :
child=''"""


def _clean(plan: Plan, variables: tuple[str, ...], form: RecipeForm) -> str:
    names = ["PATH", *variables, *(("CC", "CXX", "LDSHARED", "LDCXXSHARED") if plan.flags else ())]
    names += ["UV_CACHE_DIR"] if form is RecipeForm.UV else []
    kept = " ".join(f'${{{name}+"{name}=${name}"}}' for name in dict.fromkeys((*names, "HOME", *_CARGO)))
    return f"env -i {kept} \\\n  "


def given(form: RecipeForm, path: Iterable[str], settings: Iterable[str]) -> str:
    """Return the path of a build backend and its settings, each a word of a shell, as arguments of what builds.

    Those of other programs than ours read the path in the source.
    """
    folders = path if form is RecipeForm.SH else ()
    return "".join((*(f" {PATH_OPTION}={one}" for one in folders), *(f" {SETTING_OPTION}={one}" for one in settings)))


def _command(form: RecipeForm, texts: Texts) -> str:
    settings = texts.settings
    if form is RecipeForm.UV:
        return (
            '"$uv" build --quiet --wheel --no-build-isolation --offline --python "$env/bin/python"'
            f'{settings} --out-dir "$work/out" "$source"'
        )
    if form is RecipeForm.BUILD:
        return (
            '"$env/bin/python" -m build --wheel --no-isolation --skip-dependency-check'
            f'{settings} --outdir "$work/out" "$source"'
        )
    return f""""$env/bin/python" -c '{embedding.hook()}' "$source" "$work/out" {texts.backend}{settings}"""


def finished(plan: Plan) -> Iterator[str]:
    """Yield what finishes the wheel; then it is `$1`."""
    yield """set -- "$work"/out/*.whl
[ "$#" -eq 1 ] && [ -f "$1" ] || fail 'the build gave no wheel, or several'"""
    if plan.finish:
        yield f"""TMPDIR=$work/tmp "$python" -I - {plan.epoch} {",".join(plan.finish)} "$1" <<'EOF'
{embedding.finish()}EOF"""


def kept(texts: Texts) -> str:
    """Return what puts the wheel into the folder for it, and sets `name` and `hash`."""
    place = f"{texts.dist}/$name"
    hashed = 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())'
    return f"""name=${{1##*/}}
[ ! -d "{place}" ] || fail "{place} is a folder"
hidden="{texts.dist}/.$name.$$"
cat "$1" >"$hidden"
hash=$(sha256sum <"$hidden" 2>/dev/null) || hash=$("$python" -I -c '{hashed}' "$hidden")
hash=${{hash%% *}}
mv -f "$hidden" "{place}"
hidden=''"""


def built_with(python: str, *, native: bool) -> str:
    """Return what prints the versions that matter here."""
    compilers = '\n say "here: $(cc --version 2>/dev/null | sed 1q)"' if native else ""
    return f'say "it was built with Python {plain(python)}; here: $("$python" -I -VV)"{compilers}'
