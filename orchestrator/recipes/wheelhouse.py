"""The recipe of a set: one script for all releases, a file with the data of each, and a Dockerfile that runs it.

`rebuild.sh` depends on `SetInputs` alone. What one release has and another has not is in its data file, as lines of a
key, a space and a value, which the script reads as text: no value of it is evaluated.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.build.environment import folder_named
from orchestrator.experiments.remedies import applies, named
from orchestrator.model import MemberKind, RecipeForm
from orchestrator.recipes import parts
from orchestrator.recipes.embedded_forms import base_of, other_program, packages_of
from orchestrator.recipes.plan import planned, requirements
from orchestrator.recipes.quoting import comment, plain, url
from orchestrator.recipes.script import folder
from orchestrator.recipes.text import member_obstacle as _member_obstacle
from orchestrator.recipes.text import settings_obstacle

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.experiments.remedies import Remedy
    from orchestrator.model import Pin
    from orchestrator.recipes.inputs import RecipeInputs, SetInputs
    from orchestrator.recipes.plan import Plan

PROGRAM = "rebuild.sh"
DATA = "rebuild"
"""The folder of the data files, beside the program."""

TOOLS = "tools"
"""The folder with the wheels of build tools that are built here, beside the program."""

SOURCES = "sources"
"""The folder with sdists that cannot be fetched, beside the program."""

_FORM = RecipeForm.SH
_LONGEST_NAME = 230
"""Characters of a data file's name without its ending: file systems take 255 bytes."""

_BUILD_PATH = re.compile(r"(?:/(?!\.\.?(?:/|$))[A-Za-z0-9._+{}-]+)+")
_USER = ("first-builder", "1111")  # as the remedy fix-user-group checks it

_READ = (
    "project",
    "release",
    "kind",
    "file",
    "sha256",
    "url",
    "native",
    "folder",
    "stem",
    "remedies",
    "tools",
    "backend",
)
"""Variables of the script with the data of a release. A user's variable of such a name would be exported."""

_TEXTS = parts.Texts(
    url='"$url"',
    sha256='"$sha256"',
    folder='"$folder"',
    needs="$needs",
    backend='"$backend"',
    settings=' "$@"',
    dist="$dist",
    background=True,
)


# --- what others call ------------------------------------------------------------------------


def program(given: SetInputs) -> str:
    """Return rebuild.sh, the same for equal inputs. Where `set_obstacle` is not empty, it would not work.

    Raises KeyError if the catalogue lacks a remedy of the inputs.
    """
    plan = planned(replace(given, remedies=_common(given)))
    texts = _texts(given)
    toolchain = parts.toolchain(given.packages)
    lines = (
        *_header(given, plan),
        _BEGUN,
        *_function("check_machine", parts.checked(_FORM, given.python, plan, texts)),
        *parts.other_packages(toolchain),
        _READING,
        _LISTED,
        *_function("build_release", _release(given, plan, texts)),
        _REBUILDING,
        _asked(given),
    )
    return "".join(f"{line}\n" for line in lines)


def data_of(inputs: RecipeInputs, kind: MemberKind = MemberKind.WHEEL) -> str:
    """Return the data file of one release; `inputs.remedies` are those of the whole set.

    Where `member_obstacle` is not empty, it would not work. The expected wheel is in SHA256SUMS, and not here.
    """
    return "".join(f"{line}\n" for line in _data(replace(inputs, remedies=remedies_of(inputs)), kind))


def data_name(project: str, version: str, *, tool: int | None = None) -> str:
    """Return the name of a data file; `tool` is the place of a build tool in the order in which they are built.

    No project's normalized name has an underscore (PEP 503), so that no release has the name of a tool's file.
    """
    name = f"{plain(project)}-{plain(version)}"[:_LONGEST_NAME]
    return f"{name}.txt" if tool is None else f"tool_{tool:03}-{name}.txt"


def digest_of(text: str, data: str) -> str:
    """Return the SHA-256 of rebuild.sh and a data file: what a build ran. Neither contains NUL."""
    return hashlib.sha256(f"{text}\0{data}".encode()).hexdigest()


def remedies_of(inputs: RecipeInputs) -> tuple[str, ...]:
    """Return the remedies of a set that are for the release's build backend."""
    return tuple(name for name in inputs.remedies if applies(named(name), inputs.backend))


def set_obstacle(given: SetInputs) -> str:
    """Return in one sentence why no rebuild.sh can be written for these settings; "" if it can."""
    path = given.profile.build_path if given.profile else ""
    if path and not _BUILD_PATH.fullmatch(path.replace("{folder}", "folder")):
        return f"A recipe cannot build in the folder {comment(path)}: write it with letters, digits and . _ + - only."
    return settings_obstacle(given.recreation)


def member_obstacle(inputs: RecipeInputs) -> str:
    """Return in one sentence why a release cannot be in a wheelhouse; "" if it can. Tools may be built here."""
    return _member_obstacle(inputs)


def dockerfile(given: SetInputs, folders: tuple[str, ...] = (DATA,)) -> str:
    """Return a Dockerfile that runs rebuild.sh, and whose last stage has the wheels alone.

    `folders` are those beside it that rebuild.sh uses: its data files, `tools` and `sources` where they exist.
    """
    return "".join(f"{line}\n" for line in _dockerfile(given, folders))


# --- the head of rebuild.sh ------------------------------------------------------------------


def _header(given: SetInputs, plan: Plan) -> Iterator[str]:
    yield f"""#!/bin/sh
# Rebuilds the wheels of this wheelhouse from their sdists, and compares each with SHA256SUMS beside this file.
#
# Usage: sh {PROGRAM} [NAME | NAME==VERSION | SDIST]...    Without arguments: all, build tools first.
# Wheels are put into dist/, those of build tools into dist/tools/, below the current folder. No root is needed.
# SOURCES names a folder with sdists; so does sources/ beside this file. Others are fetched.
# PYTHON names another Python than python3.
# Exit status: 0 all are as listed; 10 a wheel is another one, or not listed; 1 a wheel was not built;
# 2 something is missing.
#
# The recipe, one for all wheels, proven with Python {comment(given.python)} in the image {comment(given.image)}:"""
    yield from (f"#   {line}" for line in _recipe(given, plan))
    for name in given.remedies:
        yield f"# Remedy {name}{_for_backends(named(name))}: {named(name).summary}"
    for condition, note in plan.checks:
        yield f"# {'Checked' if condition else 'Not checked'}: {note}."
    yield "# Pinned: each sdist and all build requirements, by hash; for compiled code, Python's minor version."
    yield "# Not pinned: compilers, libraries and their headers, zlib, Python's patch release, the kernel."
    yield ""


def _for_backends(remedy: Remedy) -> str:
    return f", for {' and '.join(remedy.backends)}" if remedy.backends else ""


def _recipe(given: SetInputs, plan: Plan) -> Iterator[str]:
    """Yield each setting with its value."""
    yield f"Folder: {_folder_comment(given, plan)}."
    yield from [line for line in plan.lines if line.startswith("umask ")][-1:]
    variables = dict(plan.variables)
    if "SOURCE_DATE_EPOCH" not in variables:
        yield "SOURCE_DATE_EPOCH unset"
    yield from (f"{name}={value}" for name, value in plan.variables)
    if plan.path != "$PATH":
        yield f"PATH: that of the build requirements, and {plan.path}"
    if plan.clean_environment:
        yield "No other variables than these, PATH and HOME."
    yield from (f"Every compiler call: {flag}" for flag in plan.flags)
    yield from (f"Command: {' '.join(words)} ..." for words in plan.wrap)
    yield from (f"Finished wheel: {step}" for step in plan.finish)
    for remedy in _of_backends(given):
        changes = (*remedy.written.variables, *remedy.written.settings)
        yield f"Of {' and '.join(remedy.backends)}: {', '.join(f'{key}={value}' for key, value in changes)}"


def _folder_comment(given: SetInputs, plan: Plan) -> str:
    if given.profile and given.profile.build_path:
        return f"the source is {comment(given.profile.build_path)}, which must not exist; else {_work_comment(plan)}"
    return _work_comment(plan)


def _work_comment(plan: Plan) -> str:
    if plan.fixed_folder:
        return "a fixed one in /tmp for each release, which must not exist"
    length = f", whose path has {plan.length} characters" if plan.length else ""
    return f"a random one below TMPDIR{length}"


# --- the parts -------------------------------------------------------------------------------


def _common(given: SetInputs) -> tuple[str, ...]:
    """Return the remedies that are for every build backend."""
    return tuple(name for name in given.remedies if not named(name).backends)


def _of_backends(given: SetInputs) -> tuple[Remedy, ...]:
    return tuple(remedy for remedy in map(named, given.remedies) if remedy.backends)


def _texts(given: SetInputs) -> parts.Texts:
    more = tuple(name for remedy in _of_backends(given) for name, _ in remedy.written.variables)
    path = given.profile.build_path if given.profile else ""
    return replace(_TEXTS, more=more, source=path.replace("{folder}", "$stem"))


def _function(name: str, lines: Iterator[str]) -> Iterator[str]:
    yield f"{name}() {{"
    yield from lines
    yield "}"


_BEGUN = f"""{parts.begun()}
[ "${{1-}}" != --help ] || {{
 sed -n '2,/^$/s/^# \\{{0,1\\}}//p' "$0"
 exit 0
}}
case $0 in */*) here=${{0%/*}} ;; *) here=. ;; esac
here=$(CDPATH= cd -- "${{here:-/}}" && pwd -P)
sources=${{SOURCES-}}
[ -z "$sources" ] || [ -d "$sources" ] || need "SOURCES names no folder: $sources"
unset SOURCES {" ".join(_READ)}"""

_READING = """sound() {
 case $project$release$native$file$stem$folder$sha256$remedies$tools in *[!A-Za-z0-9.+\\!_/\\ -]*) return 1 ;; esac
 case $url in *[!A-Za-z0-9._~:/\\?\\&=%+\\!@,\\;-]*) return 1 ;; esac
 case $file$stem$tools in */*) return 1 ;; esac
 case $folder in /tmp/rebuild-*/*) return 1 ;; /tmp/rebuild-?*) ;; *) return 1 ;; esac
 case $kind in tool | wheel) ;; *) return 1 ;; esac
 [ -n "$project" ] && [ -n "$release" ] && [ -n "$file" ] && [ -n "$stem" ] && [ -n "$backend" ] &&
 [ "${#sha256}" -eq 64 ] &&
 [ -z "$(sed -n '/^require [A-Za-z0-9._-]*==[A-Za-z0-9.+!_-]*\\( --hash=sha256:[0-9a-f]*\\)*$/d
  /^require \\.\\/tools\\/[A-Za-z0-9.+!_-]* --hash=sha256:[0-9a-f]*$/d
  /^require/p' "$data")" ]
}
read_data() {
 data=$1 project='' release='' kind='' file='' sha256='' url='' native='' folder='' stem='' remedies='' tools=''
 backend=''
 while IFS= read -r line || [ -n "$line" ]; do
  value=${line#* }
  case $line in
   'project '*) project=$value ;;
   'version '*) release=$value ;;
   'kind '*) kind=$value ;;
   'sdist '*) file=$value ;;
   'sha256 '*) sha256=$value ;;
   'url '*) url=$value ;;
   'native '*) native=$value ;;
   'folder '*) folder=$value ;;
   'stem '*) stem=$value ;;
   'backend '*) backend=$value ;;
   'remedy '*) remedies="$remedies $value" ;;
   'tool '*) tools="$tools $value" ;;
  esac
 done <"$data"
 sound || need "$data is not as it was handed out; get this folder again"
}"""

_LISTED = """listed() {
 [ -r "$sums" ] || return 0
 while read -r sum path || [ -n "$sum" ]; do
  [ "${path#\\*}" != "$1" ] || printf '%s\\n' "$sum"
 done <"$sums"
}"""


def _release(given: SetInputs, plan: Plan, texts: parts.Texts) -> Iterator[str]:
    """Yield the body of the function that builds one release, in a process that is its alone."""
    yield parts.cleaned(texts)
    yield """sdist=$1
for one in ${sources:+"$sources"} "$here/sources"; do
 [ -n "$sdist" ] || [ ! -r "$one/$file" ] || sdist=$one/$file
done
[ -n "$sdist$url" ] || need "$file has no URL; name it as argument, or put it into the folder that SOURCES names"
if [ "$native" = yes ]; then
needs=native
check_machine
fi"""
    yield from parts.folders(plan, texts)
    yield f"""if [ "$native" = yes ]; then
{parts.runnable(plan)}
fi"""
    yield from parts.unpacked(_FORM, plan, texts)
    yield from _own_settings(given)
    yield _REQUIRED
    yield f"""if [ -s "$work/requirements.txt" ]; then
{parts.installed(texts)}
fi
{parts.UNSET}"""
    yield 'rm -rf "$work/tools"'
    yield from parts.prepared(plan)
    yield from parts.built(_FORM, plan, texts)
    yield from parts.finished(plan)
    yield parts.kept(texts)
    yield _COMPARED


def _own_settings(given: SetInputs) -> Iterator[str]:
    """Yield what sets the release's settings: its build backend's path, those of its data, and those of remedies."""
    yield f"""set --
while IFS= read -r line || [ -n "$line" ]; do
 case $line in
 'backend-path '*) set -- "$@" "{parts.PATH_OPTION}=${{line#* }}" ;;
 'setting '*) set -- "$@" "{parts.SETTING_OPTION}=${{line#* }}" ;;
 esac
done <"$data\""""
    if remedies := _of_backends(given):
        yield "for one in $remedies; do\n case $one in"
        yield from (f"  {remedy.name}){''.join(f'{line}' for line in _own(remedy))} ;;" for remedy in remedies)
        yield " esac\ndone"


def _own(remedy: Remedy) -> Iterator[str]:
    """Yield the commands of a remedy for one build backend, each after a line break."""
    written = remedy.written
    yield from (f'\n   mkdir -p "{one}"' for one in written.folders)
    yield from (f'\n   export {name}="{value}"' for name, value in written.variables)
    yield from (f'\n   set -- "$@" "{parts.SETTING_OPTION}={key}={value}"' for key, value in written.settings)


_REQUIRED = """mkdir "$work/tools"
for one in $tools; do
 given=$here/tools/$one
 [ -f "$given" ] || given=dist/tools/$one
 [ -f "$given" ] || need "$project needs $one, which is built here: begin with sh $0, without arguments"
 cp "$given" "$work/tools"
done
while IFS= read -r line; do
 case $line in
  'require ./'*) printf '%s\\n' "$work/${line#require ./}" ;;
  'require '*) printf '%s\\n' "${line#require }" ;;
 esac
done <"$data" >"$work/requirements.txt\""""
"""Of a tool that is built here, pip gets the path: an index may have another wheel of that version."""

_COMPARED = """expected=$(listed "$name")
if [ "$hash" = "$expected" ]; then
 printf 'as listed   %s  %s\\n' "$hash" "$dist/$name"
 exit 0
fi
if [ -z "$expected" ]; then
 printf 'not listed  %s  %s\\n' "$hash" "$dist/$name"
else
 printf 'differs     %s  %s  listed: %s\\n' "$hash" "$dist/$name" "$expected"
fi
exit 10"""

_REBUILDING = """runner=''
stop() {
 trap '' HUP INT PIPE TERM
 [ -z "$runner" ] || kill -s TERM "$runner" 2>/dev/null || :
 [ -z "$runner" ] || wait "$runner" || :
 exit "$1"
}
rebuild() {
 dist=dist sums=$here/SHA256SUMS status=0
 [ "$kind" != tool ] || dist=dist/tools sums=$here/tools/SHA256SUMS
 mkdir -p "$dist"
 say "building $project $release"
 (build_release "$1") &
 runner=$!
 wait "$runner" || status=$?
 runner=''
 total=$((total + 1))
 case $status in
 0) same=$((same + 1)) && [ "$kind" = tool ] || wheels=$((wheels + 1)) ;;
 10) others=$((others + 1)) ;;
 2)
  missing=$((missing + 1))
  printf 'missing     %s %s\\n' "$project" "$release"
  ;;
 *)
  failed=$((failed + 1))
  printf 'not built   %s %s\\n' "$project" "$release"
  ;;
 esac
}
each() {
 found='' seen=' '
 for path in "$here"/rebuild/*.txt; do
  [ -r "$path" ] || need "cannot read $path; it comes with $0"
  read_data "$path"
  if "$@"; then
   case $seen in *" $sha256 "*) need "two files in $here/rebuild are of $file; get this folder again" ;; esac
   found=yes seen="$seen$sha256 "
   rebuild "$sdist"
  fi
 done
}
complete() {
 [ -r "$1" ] || return 0
 lines=$(grep -c . "$1") || :
 [ "$2" -ge "$lines" ] || {
  printf '%s\\n' "${1#"$here"/} lists $lines wheels, of which $2 came out"
  lacking=yes
 }
}
of_kind() { [ "$kind" = "$1" ]; }
of_file() { [ "$sha256" = "$1" ] || [ "$file" = "$2" ]; }
of_name() { [ "$project" = "$1" ] && { [ -z "$2" ] || [ "$release" = "$2" ]; }; }
normal() { printf '%s\\n' "$1" | LC_ALL=C tr 'A-Z_.' 'a-z--' | LC_ALL=C tr -s -; }"""


def _asked(given: SetInputs) -> str:
    compiled = "compiled_with" if parts.toolchain(given.packages) else ":"
    hashed = 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())'
    return f"""trap 'stop 129' HUP
trap 'stop 130' INT
trap 'stop 141' PIPE
trap 'stop 143' TERM
needs=pip
check_machine
mkdir -p dist && {parts.WRITABLE}
total=0 same=0 wheels=0 others=0 failed=0 missing=0 lacking='' sdist=''
if [ "$#" -eq 0 ]; then
 each of_kind tool
 each of_kind wheel
fi
for asked in "$@"; do
 found=''
 if [ -f "$asked" ]; then
  sdist=$asked
  each of_file "$("$python" -I -c '{hashed}' "$asked")" "${{asked##*/}}"
 fi
 if [ -z "$found" ]; then
  sdist='' of=''
  case $asked in *==*) of=${{asked#*==}} ;; esac
  each of_name "$(normal "${{asked%%==*}}")" "$of"
 fi
 [ -n "$found" ] || {{
  say "$0: $asked: neither a file nor a release of this wheelhouse; see rebuild/"
  missing=$((missing + 1))
 }}
done
printf '%s\\n' "$total built: $same as listed, $others others, $failed not built, $missing missing"
if [ "$#" -eq 0 ]; then
 complete "$here/SHA256SUMS" "$wheels"
 complete "$here/tools/SHA256SUMS" "$((same - wheels))"
fi
if [ "$((others + failed))" -gt 0 ]; then
 {parts.built_with(given.python, native=True)}
 {compiled}
fi
[ "$failed" -eq 0 ] || exit 1
[ "$missing" -eq 0 ] || exit 2
[ "$others" -eq 0 ] && [ -z "$lacking" ] || exit 10"""


# --- the data of a release -------------------------------------------------------------------


def _data(inputs: RecipeInputs, kind: MemberKind) -> Iterator[str]:
    yield f"project {plain(inputs.project)}"
    yield f"version {plain(inputs.version)}"
    yield f"kind {kind}"
    yield f"sdist {plain(inputs.sdist.filename)}"
    yield f"sha256 {inputs.sdist.sha256}"
    yield f"url {url(inputs.sdist.url)}"
    yield f"native {'yes' if inputs.native else 'no'}"
    yield f"stem {plain(folder_named(inputs.sdist.filename))}"
    yield f"folder {folder(inputs)}"
    yield from (f"remedy {name}" for name in inputs.remedies if named(name).backends)
    yield f"backend {inputs.backend}"
    yield from (f"backend-path {one}" for one in inputs.backend_path)
    yield from (f"setting {key}={value}" for key, value in inputs.config_settings)
    yield from (f"tool {plain(pin.filename)}" for pin in inputs.pins if pin.built_here)
    built = {plain(pin.name): pin for pin in inputs.pins if pin.built_here}
    yield from (f"require {_required(line, built)}" for line in requirements(_FORM, inputs))


def _required(line: str, built: Mapping[str, Pin]) -> str:
    """Return a line of a requirements file; of a tool that is built here, with its path relative to `$work`."""
    pin = built.get(line.partition("==")[0])
    return f"./{TOOLS}/{plain(pin.filename)} --hash=sha256:{pin.sha256}" if pin else line


# --- the Dockerfile --------------------------------------------------------------------------


def _dockerfile(given: SetInputs, folders: tuple[str, ...]) -> Iterator[str]:
    user, number = _USER
    yield "# syntax=docker/dockerfile:1"
    yield "# Rebuilds every wheel of this wheelhouse, and checks their SHA-256. Usage, in its folder:"
    yield "#     docker build --output dist ."
    yield "# Not pinned: the versions of Debian's packages; rebuild.sh names those with which it was proven."
    plan = planned(replace(given, remedies=_common(given)))
    yield from (f"# Not done here: {note}." for _, note in plan.checks if number not in note)
    yield f"FROM {base_of(given.base, given.packages, given.image, given.python)} AS build"
    yield "RUN apt-get update && apt-get install -y --no-install-recommends \\"
    yield f"    {' '.join(packages_of(given.packages, given.python))}"
    yield f"RUN useradd --create-home --uid {number} {user} && mkdir /build && chown {user} /build"
    yield f"COPY {PROGRAM} SHA256SUMS /wheelhouse/"
    yield from (f"COPY {folder}/ /wheelhouse/{folder}/" for folder in folders)
    yield f"USER {user}"
    yield "WORKDIR /build"
    if program := other_program(given.packages, given.python):
        yield f"ENV PYTHON={program}"
    yield f"RUN sh /wheelhouse/{PROGRAM}"
    yield "FROM scratch"
    yield "COPY --from=build /build/dist/ /"
