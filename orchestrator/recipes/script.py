"""The forms that are a shell script: with a call of the build backend, with `python -m build`, with uv."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.experiments.remedies import named
from orchestrator.model import RecipeForm
from orchestrator.recipes import embedding, parts
from orchestrator.recipes.plan import Plan, planned, requirements
from orchestrator.recipes.quoting import comment, plain, url, word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.recipes.inputs import RecipeInputs

_BUILDERS = {RecipeForm.SH: "its build backend", RecipeForm.BUILD: "python -m build", RecipeForm.UV: "uv"}
_UNKNOWN = "# not known yet  *.whl"
_KNOWN = re.compile(r"(#!/bin/sh\n# Builds the wheel of .*\n)# ([0-9a-f]{64})  (\*\.whl|[A-Za-z0-9.+!_-]+)\n")


def script(form: RecipeForm, inputs: RecipeInputs) -> str:
    """Return the script of a form, which is one of SH, BUILD and UV."""
    plan = planned(inputs)
    texts = _texts(form, inputs, plan)
    return "".join(
        f"{part}\n"
        for part in (
            *_header(form, inputs, plan),
            *_start(inputs),
            *parts.checked(form, inputs.python, plan, texts),
            *_toolchain(inputs),
            parts.cleaned(texts),
            *parts.folders(plan, texts),
            *([parts.runnable(plan)] if inputs.native else []),
            *parts.unpacked(form, plan, texts),
            *_installed(form, inputs, texts),
            *parts.prepared(plan),
            *parts.built(form, plan, texts),
            *parts.finished(plan),
            *_restamped(inputs, plan),
            *_compared(inputs, plan, texts),
        )
    )


def without_wheel(text: str) -> str:
    """Return the text of such a form as it is before its wheel is known; one that names no wheel as it is."""
    found = _KNOWN.match(text)
    if not found:
        return text
    sha256, name = found[2], "" if found[3] == "*.whl" else found[3]
    before, line, after = text[found.end() :].rpartition(f"\nexpected='{sha256}'\n")
    if not line:
        return text
    before = before.replace(f"\n{_published_wanted(name)}", f"\n{_published_wanted('')}", 1)
    after = after.replace(f"'{name}'", "''").replace(
        f'${{expected:-not known}}  {name}"\n', '${expected:-not known}  "\n'
    )
    return f"{found[1]}{_UNKNOWN}\n{before}\nexpected=''\n{after}"


def folder(inputs: RecipeInputs) -> str:
    """Return the path of a fixed folder, which no other release has."""
    return f"/tmp/rebuild-{plain(inputs.project)[:40]}-{inputs.sdist.sha256[:8]}"  # noqa: S108 - made so that it fails if it exists


def _texts(form: RecipeForm, inputs: RecipeInputs, plan: Plan) -> parts.Texts:
    needs = (*(["native"] if inputs.native else []), *(["pip"] if form is not RecipeForm.UV else []))
    return parts.Texts(
        url=f"'{url(inputs.sdist.url)}'",
        sha256=inputs.sdist.sha256,
        folder=folder(inputs),
        needs=" ".join(needs),
        backend=word(inputs.backend),
        settings=parts.given(form, map(word, inputs.backend_path), plan.settings),
    )


def _header(form: RecipeForm, inputs: RecipeInputs, plan: Plan) -> Iterator[str]:
    yield "#!/bin/sh"
    release = f"{comment(inputs.project)} {comment(inputs.version)}"
    yield f"# Builds the wheel of {release} with {_BUILDERS[form]}, and checks its SHA-256:"
    yield f"# {_expected(inputs)}  {_wheel_name(inputs) or '*.whl'}" if inputs.wheel else _UNKNOWN
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
    yield f"""{parts.begun()}
sdist=${{1-}}
{"" if url(inputs.sdist.url) else given}[ -z "$sdist" ] || [ -r "$sdist" ] || need "cannot read $sdist"
{published}mkdir -p dist && {parts.WRITABLE}"""


def _published_given(inputs: RecipeInputs) -> str:
    if inputs.published is None or not inputs.taken:
        return ""
    return (
        "published=${2-}\n"
        f"{'' if url(inputs.published.url) else _published_wanted(_wheel_name(inputs))}"
        '[ -z "$published" ] || [ -r "$published" ] || need "cannot read $published"\n'
    )


def _published_wanted(name: str) -> str:
    return f'[ -n "$published" ] || need "name the published {name} as second argument"\n'


def _toolchain(inputs: RecipeInputs) -> Iterator[str]:
    if packages := _compiled_with(inputs):
        yield from parts.other_packages(packages)
        yield "compiled_with"


def _compiled_with(inputs: RecipeInputs) -> tuple[str, ...]:
    return parts.toolchain(inputs.packages) if inputs.native else ()


def _installed(form: RecipeForm, inputs: RecipeInputs, texts: parts.Texts) -> Iterator[str]:
    lines = requirements(form, inputs)
    if not lines and form is not RecipeForm.UV:  # uv makes its environment where it installs
        yield parts.UNSET
        return
    yield "cat >\"$work/requirements.txt\" <<'EOF'\n" + "".join(f"{line}\n" for line in lines) + "EOF"
    if form is RecipeForm.UV:
        yield parts.installed_by_uv()
    else:
        yield parts.installed(texts)
        yield parts.UNSET


def _restamped(inputs: RecipeInputs, plan: Plan) -> Iterator[str]:
    if plan.taken and inputs.published:
        fields, published = ",".join(plan.taken), inputs.published
        yield f"""ended=0
"$python" -I - "$1" {fields} "$published" '{url(published.url)}' \\
 {published.sha256} <<'EOF' || ended=$?
{embedding.restamp()}EOF
case $ended in 0 | 10 | 11) ;; 2) exit 2 ;; *) fail 'taking fields of the published wheel failed' ;; esac"""


def _compared(inputs: RecipeInputs, plan: Plan, texts: parts.Texts) -> Iterator[str]:
    name = _wheel_name(inputs)
    packages = "\n compiled_with" if _compiled_with(inputs) else ""
    other_zlib = f'\n [ "$ended" -ne 11 ] || [ "$name" != \'{name}\' ] || exit 11' if plan.taken else ""
    yield f"""{parts.kept(texts)}
expected='{_expected(inputs)}'
say "$hash  dist/$name"
if [ "$hash" != "$expected" ] || [ "$name" != '{name}' ]; then
 say "expected: ${{expected:-not known}}  {name}"
 {parts.built_with(inputs.python, native=inputs.native)}{packages}{other_zlib}
 exit 10
fi"""


def _expected(inputs: RecipeInputs) -> str:
    return inputs.wheel.sha256 if inputs.wheel else ""


def _wheel_name(inputs: RecipeInputs) -> str:
    return plain(inputs.wheel.filename) if inputs.wheel else ""


def _sdist_name(inputs: RecipeInputs) -> str:
    return plain(inputs.sdist.filename)
