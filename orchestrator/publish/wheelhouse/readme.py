"""The README.md of a wheelhouse: what it is, how it is used, checked and rebuilt, and what it lacks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.analysis.cautions import CAUTIONS
from orchestrator.experiments.remedies import REMEDIES
from orchestrator.model import Mode
from orchestrator.util.escapes import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from orchestrator.model import LeftOut, Result, Wheelhouse
    from orchestrator.publish.wheelhouse.listed import Listed

INSTALL = "pip install --require-hashes --no-index --find-links . -r requirements.txt"
CHECK = "sha256sum -c --strict SHA256SUMS"
"""Commands that are run in the folder."""

SUMMARIES = {one.name: one.summary for one in CAUTIONS}
"""What each caution is, in one sentence, by its slug."""

_LONGEST = 500  # characters of a text
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")  # all ASCII punctuation may be escaped (CommonMark, 2.4)


def text(
    house: Wheelhouse, wheels: Sequence[Listed], tools: Sequence[Listed], records: Mapping[str, Result] | None = None
) -> str:
    """Return the page; `records` has the result of each job. Texts of a package are escaped, one line, and cut."""
    known = tuple(found for one in house.wheels if (found := (records or {}).get(one.job)))
    parts = (
        "# Wheelhouse",
        _what(house, wheels),
        _RECIPE,
        "\n".join(_recipe(house)),
        _INSTALL,
        _CHECK,
        _REBUILD,
        "## Wheels",
        _table(("wheel", "SHA-256"), ((f"`{one.name.filename}`", f"`{one.sha256}`") for one in wheels)),
        *(_of_tools(tools) if tools else ()),
        *_doubts(known),
        *(_left_out(house.left_out) if house.left_out else ()),
        *(_open(house.open) if house.open else ()),
        _FILES,
    )
    return "\n\n".join(parts) + "\n"


_RECIPE = "## The recipe\nOne recipe for all wheels. `rebuild.sh` is that recipe, and begins with each setting."

_INSTALL = f"""## Install
In this folder:

```
{INSTALL}
```

`simple/` is a package index of the same wheels: give pip `--index-url file:///PATH/simple/` with the path of this
folder, or serve the folder by any web server. `uv pip install -r pylock.toml` takes the lock file."""

_CHECK = f"""## Check
```
{CHECK}
```

`evidence/` has in-toto statements about each wheel, and a .buildinfo with the inputs of its builds. `wheelproof attest
--check evidence` checks the statements; if they are signed, add `--key` with the public key."""

_REBUILD = """## Rebuild
```
sh rebuild.sh
```

It needs Python, pip and what the packages need, such as a compiler, but nothing of wheelproof. It fetches the sources,
builds each wheel into `dist/`, and compares its SHA-256 with `SHA256SUMS`. `sh rebuild.sh NAME` builds one.
`docker build --output dist .` does the same in a container. Compilers and header files are not pinned: with others, a
compiled wheel may have another SHA-256. `rebuild.sh` names those with which it was proven."""

_FILES = """## Files
| file | what it is |
|---|---|
| `*.whl` | the wheels |
| `SHA256SUMS` | their hashes, for sha256sum |
| `requirements.txt`, `pylock.toml` | their names, versions and hashes, for installers |
| `simple/` | their package index, for pip and uv |
| `rebuild.sh`, `rebuild/` | the recipe, and the sources and build requirements of each wheel |
| `Dockerfile` | runs the recipe in a container |
| `tools/` | the wheels of build tools that were built from source, if there are any |
| `sources/` | the sdists that cannot be fetched, if there are any |
| `evidence/` | what is claimed of each wheel |
| `wheelhouse.json` | the record of this wheelhouse |"""


def _what(house: Wheelhouse, wheels: Sequence[Listed]) -> str:
    out = f" {_counted(len(house.left_out), 'release is', 'releases are')} left out." if house.left_out else ""
    out += f" {_counted(len(house.open), 'requirement is', 'requirements are')} not decided." if house.open else ""
    profile = f" with the profile {escaped(house.profile)}" if house.profile else ""
    number = _counted(len(wheels), "wheel", "wheels")
    return (
        f"{number}. Each was built twice from its source by `rebuild.sh`{profile}, on one image, and both builds gave "
        "the same bytes. Their environments differed in what the recipe does not fix; `evidence/` has both of "
        f"each wheel.{out}\n\n"
        f"Made by wheelproof {escaped(house.wheelproof)} on {house.finished:%Y-%m-%d}. Its id is `{house.id}`."
    )


def _counted(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def _recipe(house: Wheelhouse) -> Iterator[str]:
    images = sorted({one.image.name for one in house.wheels})
    epoch = "not set" if house.source_date_epoch is None else str(house.source_date_epoch)
    yield f"- Image: {', '.join(map(escaped, images)) or 'none'}"
    yield f"- SOURCE\\_DATE\\_EPOCH: {epoch}"
    summaries = {one.name: one.summary for one in REMEDIES}
    yield from (f"- {escaped(name)}: {escaped(summaries.get(name, ''))}" for name in house.remedies)


def _of_tools(tools: Iterable[Listed]) -> Iterator[str]:
    yield "## Build tools"
    yield "They were built from source, too, and are in `tools/`."
    yield _table(("wheel", "SHA-256"), ((f"`{one.name.filename}`", f"`{one.sha256}`") for one in tools))


def _left_out(left_out: Iterable[LeftOut]) -> Iterator[str]:
    yield "## Left out"
    rows = (
        (
            escaped(one.requirement),
            escaped(one.reason),
            escaped(" ".join((", ".join(one.nearest) + ":" if one.nearest else "", one.nearest_why)).strip()),
        )
        for one in left_out
    )
    yield _table(("release", "reason", "nearest recipe"), rows)


def _doubts(records: Iterable[Result]) -> Iterator[str]:
    """Yield what the two builds of a wheel could not show, by its record."""
    some = tuple(records)
    rows = [
        (escaped(f"{one.project} {one.version}"), f"{SUMMARIES.get(caution.name, '')} {escaped(caution.evidence)}")
        for one in some
        for caution in one.cautions
    ]
    if rows:
        yield "## Cautions"
        yield "Builds elsewhere may give other bytes, although those here agree."
        yield _table(("release", "why"), rows)
    if removed := sorted({one.name for record in some for one in record.variations if one.mode is Mode.REMOVED}):
        names = ", ".join(map(escaped, removed))
        yield f"The configuration has left out variations, of which nothing is shown: {names}."


def _open(requirements: Iterable[str]) -> Iterator[str]:
    yield "## Not decided"
    yield "The farm failed for these requirements: nothing is known about them, and they are not in this folder."
    yield "\n".join(f"- {escaped(one)}" for one in requirements)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = (head, ["---"] * len(head), *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escaped(words: str) -> str:
    """Return a text for a paragraph or a cell of a table: one line, printable, cut, all punctuation escaped."""
    line = " ".join(visible(words).split())
    cut = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
    return _PUNCTUATION.sub(lambda match: _shown(match.group()), cut)


def _shown(mark: str) -> str:
    """Write what HTML gives a meaning as a character reference: some readers of Markdown pass over a backslash."""
    return {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(mark, f"\\{mark}" if mark not in ".,:;-()/=+'" else mark)
