"""The forms that are a shell script: with pip, with `python -m build`, with uv.

Every text is POSIX shell. Values of a package or a user pass `quoting`; those of remedies are ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.experiments.remedies import named
from orchestrator.model import RecipeForm
from orchestrator.recipes import embedding
from orchestrator.recipes.plan import Plan, planned, requirements
from orchestrator.recipes.quoting import comment, plain, url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.recipes.inputs import RecipeInputs

TOOLCHAIN = ("binutils", "clang", "cargo", "cmake", "g++", "gcc", "gfortran", "rustc")
"""Packages of Debian that decide what a compiled wheel contains, and that no hash pins, besides all headers (-dev)."""

_CARGO = ("CARGO_HOME", "CARGO_NET_OFFLINE", "RUSTUP_HOME")
"""Where Rust's tools and crates are, which a clean environment keeps."""

_BUILDERS = {RecipeForm.SH: "pip", RecipeForm.BUILD: "python -m build", RecipeForm.UV: "uv"}
_COMPILING = (
    "AR ARCHFLAGS ARFLAGS CC CCSHARED CFLAGS CPP CPPFLAGS CXX CXXFLAGS FC FFLAGS LDCXXSHARED LDFLAGS LDSHARED RUSTFLAGS"
)
_INTERPRETING = "PYTHONHOME PYTHONOPTIMIZE PYTHONWARNINGS"

_GROUP = (
    "import os, signal, sys; os.setpgid(0, 0); signal.signal(2, signal.SIG_DFL); os.execvp(sys.argv[1], sys.argv[1:])"
)
"""Runs the build in a process group of its own, so that a signal to the script ends all of it."""


def script(form: RecipeForm, inputs: RecipeInputs) -> str:
    """Return the script of a form, which is one of SH, BUILD and UV."""
    plan = planned(inputs)
    return "".join(
        f"{part}\n"
        for part in (
            *_header(form, inputs, plan),
            *_start(inputs),
            *_checked(form, inputs, plan),
            *_folders(inputs, plan),
            *_unpacked(inputs, plan),
            *_installed(form, inputs),
            *_prepared(plan),
            *_built(form, plan),
            *_finished(inputs, plan),
            *_compared(inputs, plan),
        )
    )


def toolchain(inputs: RecipeInputs) -> tuple[str, ...]:
    """Return the packages of the image that decide what is compiled, as "name version": compilers and headers."""
    named_ = ((name.split(":")[0], version) for name, version in inputs.packages)
    return tuple(
        f"{plain(name)} {plain(version, '~:')}"
        for name, version in named_
        if name in TOOLCHAIN or name.endswith("-dev") or (name.rpartition("-")[0] in TOOLCHAIN and name[-1].isdigit())
    )


def folder(inputs: RecipeInputs) -> str:
    """Return the path of a fixed folder, which no other release has."""
    return f"/tmp/rebuild-{plain(inputs.project)[:40]}-{inputs.sdist.sha256[:8]}"  # noqa: S108 - made so that it fails if it exists


# --- the parts, in their order ---------------------------------------------------------------


def _header(form: RecipeForm, inputs: RecipeInputs, plan: Plan) -> Iterator[str]:
    yield "#!/bin/sh"
    release = f"{comment(inputs.project)} {comment(inputs.version)}"
    yield f"# Builds the wheel of {release} with {_BUILDERS[form]}, and checks its SHA-256:"
    yield f"# {_expected(inputs) or 'not known yet'}  {_wheel_name(inputs) or '*.whl'}"
    yield "#"
    given = "[SDIST [PUBLISHED]]" if plan.taken else "[SDIST]"
    yield f"# Usage: sh FILE {given}    The wheel is put into dist/. No root is needed."
    yield "# Exit status: 0 the wheel has that SHA-256; 10 it has another; 2 something is missing; others: no wheel."
    if plan.taken:
        yield "# 11: all but its packed bytes is proven to be as published; the zlib here is another."
    yield f"# Written for Python {comment(inputs.python)}, in the image {comment(inputs.image)}."
    yield f"# Pinned: the sdist and the build requirements, by hash; {_python_pinned(inputs)}."
    yield f"# Not pinned: {_not_pinned(inputs)}."
    yield f"# Folder: {_folder_comment(inputs, plan)}."
    yield from _recreated(inputs, plan)
    for name in inputs.remedies:
        yield f"# Remedy {name}: {named(name).summary}"
    for condition, note in plan.checks:
        yield f"# {'Checked' if condition else 'Not checked'}: {note}."


def _recreated(inputs: RecipeInputs, plan: Plan) -> Iterator[str]:
    """Yield lines on what is done as the publisher did it."""
    if inputs.published is None:
        return
    yield "# The wheel is the one that the index publishes."
    yield f"# As its publisher had it: {'; '.join(plan.as_published)}."
    if plan.taken:
        yield f"# Taken from the published wheel, PUBLISHED or fetched: the {', '.join(plan.taken)} of its archive."


def _python_pinned(inputs: RecipeInputs) -> str:
    return "Python's minor version" if inputs.native else "another Python may do, and is mentioned"


def _not_pinned(inputs: RecipeInputs) -> str:
    tools = "compilers, libraries and their headers, " if inputs.native else ""
    return f"{tools}Python's patch release, the kernel"


def _folder_comment(inputs: RecipeInputs, plan: Plan) -> str:
    if plan.fixed_folder:
        return f"{folder(inputs)}, because the wheel depends on the path; it must not exist"
    if plan.length:
        return f"a random one below TMPDIR, whose path has {plan.length} characters, because the wheel depends on that"
    return "a random one below TMPDIR"


def _start(inputs: RecipeInputs) -> Iterator[str]:
    published = _published_given(inputs)
    given = f'[ -n "$sdist" ] || need "name the sdist, {_sdist_name(inputs)}, as argument"\n'
    yield f"""set -eu
say() {{ printf '%s\\n' "$*" >&2; }}
need() {{
 say "$0: $*"
 exit 2
}}
fail() {{
 say "$0: $*"
 exit 1
}}
sdist=${{1-}}
{"" if url(inputs.sdist.url) else given}[ -z "$sdist" ] || [ -r "$sdist" ] || need "cannot read $sdist"
{published}mkdir -p dist && [ -w dist ] || need "cannot write to dist/; change to a folder of your own\""""


def _published_given(inputs: RecipeInputs) -> str:
    if inputs.published is None or not inputs.taken:
        return ""
    given = f'[ -n "$published" ] || need "name the published {_wheel_name(inputs)} as second argument"\n'
    return (
        "published=${2-}\n"
        f"{'' if url(inputs.published.url) else given}"
        '[ -z "$published" ] || [ -r "$published" ] || need "cannot read $published"\n'
    )


def _checked(form: RecipeForm, inputs: RecipeInputs, plan: Plan) -> Iterator[str]:
    needs = " ".join((*(["native"] if inputs.native else []), *(["pip"] if form is not RecipeForm.UV else [])))
    yield f"""python=$("${{PYTHON:-python3}}" -I -c 'import sys; print(sys.executable)') ||
 need "no Python; install python3, or set PYTHON"
unset {_INTERPRETING}
export PYTHONSAFEPATH=1 PIP_NO_CACHE_DIR=1
version=$("$python" -I - {plain(inputs.python)} {needs} <<'EOF'
{embedding.check()}EOF
) || exit 2"""
    tools = ["uv"] * (form is RecipeForm.UV) + ["strip"] * ("strip-debug" in plan.finish)
    for name in (*tools, *(words[0] for words in plan.wrap)):
        yield f'command -v {name} >/dev/null || need "no {name}; install it"'
    for condition, note in (check for check in plan.checks if check[0]):
        yield f'{condition} || need "{note}"'
    if form is RecipeForm.UV:
        yield "uv=$(command -v uv)"
    if inputs.native and (packages := toolchain(inputs)):
        yield from _other_packages(packages)


def _other_packages(packages: tuple[str, ...]) -> Iterator[str]:
    """Return lines that name the packages of Debian that are others here: a compiled wheel may depend on each."""
    yield """compiled_with() {
 command -v dpkg-query >/dev/null || return 0
 while read -r name version; do
  here=$(dpkg-query -W -f '${Version}' "$name" 2>/dev/null) || here=absent
  [ "$here" = "$version" ] || say "note: $name is $here; the recipe was written for $version"
 done <<'EOF'"""
    yield from packages
    yield "EOF\n}\ncompiled_with"


def _folders(inputs: RecipeInputs, plan: Plan) -> Iterator[str]:
    yield """child='' top=''
clean() {
 trap '' HUP INT TERM
 if [ -n "$child" ]; then
  kill -s KILL -- "-$child" 2>/dev/null || kill -s KILL "$child" 2>/dev/null || :
  wait "$child" 2>/dev/null || :
 fi
 [ -z "$top" ] || rm -rf "$top" 2>/dev/null || {
  chmod -R u+rwX "$top" 2>/dev/null || :
  rm -rf "$top" || say "$0: cannot remove $top"
 }
}
trap clean EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM"""
    if plan.fixed_folder:
        place = folder(inputs)
        yield f'mkdir -m 700 {place} || need "{place} must be new; remove it if no other recipe runs"'
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
    yield 'mkdir "$work/tmp" "$work/out"'
    if inputs.native:
        yield """printf '#!/bin/sh\\n' >"$work/run"
chmod 700 "$work/run"
"$work/run" 2>/dev/null || need "no program can be run in $work; set TMPDIR"
rm "$work/run\""""


def _unpacked(inputs: RecipeInputs, plan: Plan) -> Iterator[str]:
    yield f"""unset SOURCE_DATE_EPOCH {_COMPILING}
"$python" -I - "$sdist" '{url(inputs.sdist.url)}' {inputs.sdist.sha256} \\
 "$source" <<'EOF' || fail 'unpacking the sdist failed'
{embedding.unpack()}EOF
unset SDIST_ORDER"""
    if plan.crlf:
        yield f""""$python" -I - "$source" <<'EOF'
{embedding.crlf()}EOF"""
    yield from (f'mkdir -p "{one}"' for one in plan.folders)


def _installed(form: RecipeForm, inputs: RecipeInputs) -> Iterator[str]:
    lines = requirements(form, inputs)
    yield "cat >\"$work/requirements.txt\" <<'EOF'\n" + "".join(f"{line}\n" for line in lines) + "EOF"
    if form is RecipeForm.UV:
        yield from _installed_by_uv()
        return
    yield f"""settings=$("$python" -m pip config list | "$python" -I -c '{embedding.index()}')
eval "$settings"
export PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
"$python" -m venv --without-pip "$env"
TMPDIR=$work/tmp "$python" -m pip --python "$env/bin/python" install --quiet --require-hashes --no-deps \\
 --only-binary :all: --ignore-installed --no-compile --no-cache-dir --no-warn-script-location \\
 -r "$work/requirements.txt" ||
 fail "installing the build requirements failed"
unset PYTHONPATH PYTHONSAFEPATH"""


def _installed_by_uv() -> Iterator[str]:
    yield """unset PYTHONPATH PYTHONSAFEPATH UV_BUILD_CONSTRAINT UV_CONSTRAINT UV_EXCLUDE_NEWER
unset UV_OVERRIDE UV_PREFIX UV_PYTHON UV_TARGET
export UV_CACHE_DIR="$work/cache"
"$uv" venv --quiet --python "$python" "$env"
(cd "$work" && TMPDIR=$work/tmp "$uv" pip install --quiet --python "$env/bin/python" --require-hashes --no-deps \\
 --only-binary :all: -r requirements.txt) || fail 'installing the build requirements failed'"""


def _prepared(plan: Plan) -> Iterator[str]:
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


def _built(form: RecipeForm, plan: Plan) -> Iterator[str]:
    compilers = "$work/compilers:" if plan.flags else ""
    variables = dict([("TMPDIR", "$work/tmp"), ("PYTHONDONTWRITEBYTECODE", "1"), *plan.variables])
    exports = "".join(f'\n export {name}="{value}"' for name, value in variables.items())
    wrapped = '\n eval "$compilers"' if plan.flags else ""
    clean = _clean(plan, variables, form) if plan.clean_environment else ""
    words = "".join(f'"{word}" ' for wrap in plan.wrap for word in wrap) + _command(form, plan)
    yield f"""(
 cd "$work"
 export PATH="{compilers}$env/bin:{plan.path}"{exports}{wrapped}
 exec "$python" -I -c '{_GROUP}' \\
  {clean}{words}
) </dev/null &
child=$!
wait "$child" || fail "the build failed"
kill -s KILL -- "-$child" 2>/dev/null || :
child=''"""


def _clean(plan: Plan, variables: dict[str, str], form: RecipeForm) -> str:
    names = ["PATH", *variables, *(("CC", "CXX", "LDSHARED", "LDCXXSHARED") if plan.flags else ())]
    names += ["UV_CACHE_DIR"] if form is RecipeForm.UV else ["PIP_CONFIG_FILE"]
    kept = " ".join(f'${{{name}+"{name}=${name}"}}' for name in dict.fromkeys((*names, "HOME", *_CARGO)))
    return f"env -i {kept} \\\n  "


def _command(form: RecipeForm, plan: Plan) -> str:
    settings = "".join(f" --config-setting{'s' if form is RecipeForm.SH else ''}={one}" for one in plan.settings)
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
    return (
        '"$env/bin/python" -m pip wheel --quiet --no-deps --no-index --no-cache-dir --no-build-isolation --use-pep517'
        f'{settings} --wheel-dir "$work/out" "$source"'
    )


def _finished(inputs: RecipeInputs, plan: Plan) -> Iterator[str]:
    yield """set -- "$work"/out/*.whl
[ "$#" -eq 1 ] && [ -f "$1" ] || fail 'the build gave no wheel, or several'"""
    if plan.finish:
        yield f"""TMPDIR=$work/tmp "$python" -I - {plan.epoch} {",".join(plan.finish)} "$1" <<'EOF'
{embedding.finish()}EOF"""
    if plan.taken and inputs.published:
        fields, published = ",".join(plan.taken), inputs.published
        yield f"""ended=0
"$python" -I - "$1" {fields} "$published" '{url(published.url)}' \\
 {published.sha256} <<'EOF' || ended=$?
{embedding.restamp()}EOF
case $ended in 0 | 10 | 11) ;; 2) exit 2 ;; *) fail 'taking fields of the published wheel failed' ;; esac"""


def _compared(inputs: RecipeInputs, plan: Plan) -> Iterator[str]:
    name = _wheel_name(inputs)
    compilers = '\n say "here: $(cc --version 2>/dev/null | sed 1q)"' if inputs.native else ""
    packages = "\n compiled_with" if inputs.native and toolchain(inputs) else ""
    other_zlib = f'\n [ "$ended" -ne 11 ] || [ "$name" != \'{name}\' ] || exit 11' if plan.taken else ""
    hashed = 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())'
    yield f"""name=${{1##*/}}
[ ! -d "dist/$name" ] || fail "dist/$name is a folder"
cp "$1" "dist/.$name.$$"
hash=$("$python" -I -c '{hashed}' "dist/.$name.$$")
mv -f "dist/.$name.$$" "dist/$name"
expected='{_expected(inputs)}'
say "$hash  dist/$name"
if [ "$hash" != "$expected" ] || [ "$name" != '{name}' ]; then
 say "expected: ${{expected:-not known}}  {name}"
 say "it was built with Python {plain(inputs.python)}; here: $("$python" -I -VV)"{compilers}{packages}{other_zlib}
 exit 10
fi"""


def _expected(inputs: RecipeInputs) -> str:
    return inputs.wheel.sha256 if inputs.wheel else ""


def _wheel_name(inputs: RecipeInputs) -> str:
    return plain(inputs.wheel.filename) if inputs.wheel else ""


def _sdist_name(inputs: RecipeInputs) -> str:
    return plain(inputs.sdist.filename)
