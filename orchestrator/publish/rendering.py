"""Templates of the site, and what every page has: its frame, its filters, its address."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC
from decimal import ROUND_CEILING, Decimal
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape
from packaging.requirements import InvalidRequirement, Requirement

from orchestrator.model import Mode
from orchestrator.publish import advice, outcomes, proof, verification, wording
from orchestrator.publish.catalogue import CAUSE, VARIATION, Chapter
from orchestrator.publish.diffoscope import pair, report_name
from orchestrator.publish.environments import facets
from orchestrator.publish.phrases import DEPTHS
from orchestrator.publish.sanitize import visible
from orchestrator.publish.side_by_side import sides, window
from orchestrator.results.manifest import program

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from orchestrator.model import Result
    from orchestrator.results.summary import Standing

DETAIL_BOUND = 8_000  # characters of a failure's detail
LIST_BOUND = 500  # lines of any list that a package may lengthen at will
TEXT_BOUND = 2_000  # characters of one line of evidence, or of a path
EVIDENCE_BOUND = 3  # places shown of one cause
PLACES_BOUND = 6  # places shown of one member that is not explained

_NORMALIZED = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_NAME = 100


def file_name(project: str) -> str:
    """Return the name of a project's files, without ending; a name that is not normalized (PEP 503) becomes a hash."""
    return project if is_plain(project) else f"_{sha256_of(project)[:32]}"


def is_plain(project: str) -> bool:
    """Return whether a project's name is normalized (PEP 503), and short enough to be a file's."""
    return len(project) <= _LONGEST_NAME and bool(_NORMALIZED.fullmatch(project))


def page_name(project: str) -> str:
    """Return the name of a project's page."""
    return f"{file_name(project)}.html"


def page(template: str, frame: Mapping[str, object], **values: object) -> str:
    """Render one page, and spell out hidden characters in the whole of it."""
    return visible(_template(template).render({**frame, **values}))


def frame_of(wheelproof_version: str, catalogue: tuple[Chapter, ...]) -> Mapping[str, object]:
    """Return what every page has."""
    style, script = _source("style.css"), _source("index.js")
    entries = {(chapter.slug, entry.slug): entry for chapter in catalogue for entry in chapter.entries}
    return {
        "root": "",
        "wheelproof": wheelproof_version,
        "program": program(wheelproof_version),
        "chapters": catalogue,
        "variations": next(chapter.entries for chapter in catalogue if chapter.slug == VARIATION),
        "known": frozenset(entries),
        "summaries": {slug: entry.what for (chapter, slug), entry in entries.items() if chapter == CAUSE},
        "style": style,
        "script": script,
        "style_hash": _csp_hash(style),
        "script_hash": _csp_hash(script),
    }


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("orchestrator.publish"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.filters |= {
        "cut": _cut,
        "day": day,
        "moment": lambda moment: f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        "size": _size,
        "label": wording.LABELS.__getitem__,
        "page_name": page_name,
        "file_name": file_name,
        "anchor": _anchor,
        "facets": facets,
        "sentences": wording.sentences,
        "qualifiers": wording.qualifiers,
        "reason": wording.reason,
        "kind": wording.kind,
        "help_with": wording.help_with,
        "command": _command,
        "command_on": _command_on,
        "command_suggest": lambda result: (
            f"wheelproof images suggest {_quoted(_asked(result))}{_on(result.image.name)}"
        ),
        "command_wheels": _command_wheels,
        "diffoscope_report": _diffoscope_report,
        "ticks": _ticks,
        "both": lambda it: sides(*window(it.first, it.second, TEXT_BOUND)),
        "notes": wording.notes,
        "by_severity": wording.by_severity,
        "unexplained_first": lambda found, differences: wording.unexplained_first(
            found.causes, found.unexplained, differences
        ),
        "depth": lambda result: wording.depth(result.severity, result.differences),
        "of_remedy": lambda remedied, result: proof.of_remedy(result, remedied),
        "of_cause": lambda cause, result=None: proof.of_cause(result, cause) if result else proof.of_claim(cause),
        "held_names": lambda hold, result: wording.held_names(result, hold),
        "of_set": proof.of_set,
        "is_proven": lambda remedied, result: proof.is_proven(result, remedied),
        "gathered": wording.gathered,
        "repeats": wording.repeats,
        "third_party": wording.third_party,
        "built_with": wording.built_with,
        "expectation": wording.expectation,
        "recipes": advice.recipes,
        "report": advice.report,
        "of_counts": outcomes.of_counts,
        "wheel_anchor": lambda one: f"published-{sha256_of(one.id)[:16]}",
        "percent": _percent,
        "wheel_sentences": verification.sentences,
        "wheel_settings": verification.settings,
        "wheel_left": verification.left,
        "wheel_recipes": verification.recipes,
        "two_sides": verification.two_sides,
    }
    templates.tests["web_address"] = lambda url: str(url).startswith(("https://", "http://"))
    templates.globals |= {
        "list_bound": LIST_BOUND,
        "detail_bound": DETAIL_BOUND,
        "text_bound": TEXT_BOUND,
        "evidence_bound": EVIDENCE_BOUND,
        "places_bound": PLACES_BOUND,
        "depths": DEPTHS,
        "verdict_words": wording.WORDS,
        "outcome_words": outcomes.WORDS,
        "outcome_labels": outcomes.LABELS,
        "sides": ("the index", "ours"),
        "varied": Mode.VARIED,
        "bases": wording.BASES,
        "perhaps": wording.PERHAPS,
    }
    return templates


def prepare() -> None:
    """Compile all templates."""
    for name in _templates().list_templates(extensions=["html"]):
        _template(name)


@cache
def _template(name: str) -> Template:
    return _templates().get_template(name)


@cache
def _source(name: str) -> str:
    loader = _templates().loader
    assert loader is not None  # noqa: S101 - it was given above
    return loader.get_source(_templates(), name)[0]


def day(moment: datetime) -> str:
    """Return the date of a moment, UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def _ticks(text: str) -> Markup:
    """Return one of our texts as HTML, with code in `back-ticks` marked."""
    pieces = str(escape(text)).split("`")
    return Markup("".join(f"<code>{piece}</code>" if odd % 2 else piece for odd, piece in enumerate(pieces)))  # noqa: S704 - escaped above


def _csp_hash(source: str) -> str:
    """Return the source expression of an inline script or style (CSP Level 3, 2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


def sha256_of(text: str) -> str:
    """Return the SHA-256 of any text, lone surrogates included."""
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def _cut(text: str, bound: int) -> str:
    return text if len(text) <= bound else f"{text[:bound]}\n[... {len(text) - bound} characters left out]"


def _percent(rate: float) -> str:
    """Return a rate in per cent, with two digits, and never less than it is."""
    value = Decimal(repr(rate)) * 100
    digits = value.quantize(Decimal(1).scaleb(value.adjusted() - 1), rounding=ROUND_CEILING)
    return f"{digits.normalize():f}"


def _size(number: int) -> str:
    for unit, bytes_of_it in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= bytes_of_it:
            return f"{number / bytes_of_it:.1f} {unit}"
    return f"{number} bytes"


def _anchor(standing: Standing) -> str:
    """Return the URL fragment of a version on an image, whatever their names are."""
    name = "-".join((standing.version, standing.image, *standing.way))
    return name if re.fullmatch(r"[A-Za-z0-9.+!_-]+", name) else f"_{sha256_of(name)[:16]}"


def _command(result: Result) -> str:
    """Return the shell command that judges this release again."""
    profile = result.inputs.profile if result.inputs else None
    as_others = f" --profile {_quoted(profile.name)}" if profile else ""
    return f"wheelproof run {_quoted(_asked(result))}{_on(result.image.name)}{as_others} --again"


def _command_on(result: Result, image: str) -> str:
    """Return the shell command that judges this release on another image."""
    return f"wheelproof run {_quoted(_asked(result))}{_on(image)}"


def _command_wheels(result: Result) -> str:
    """Return the shell commands that copy the two wheels of a verdict and compare them."""
    names = [one.wheel.sha256 for one in result.builds[:2] if one.wheel]
    if len(names) == 1 or not names:
        return ""
    asked = _quoted(f"{result.project}=={result.version}")
    export = f"wheelproof wheels {asked}{_on(result.image.name)} --to wheels"
    return f"{export}\ndiffoscope wheels/first/*.whl wheels/second/*.whl"


def _diffoscope_report(result: Result) -> str:
    """Return the file name of diffoscope's report on the two wheels of a verdict; empty if there can be none."""
    found = pair(one.wheel.sha256 if one.wheel else "" for one in result.builds)
    return report_name(*found) if found else ""


def _on(image: str) -> str:
    return f" --image {_quoted(image)}"


def _asked(result: Result) -> str:
    """Return the requirement of exactly this release, or the path that was given."""
    try:
        by_name = Requirement(result.requirement).url is None
    except InvalidRequirement:
        by_name = False
    return f"{result.project}=={result.version}" if by_name else result.requirement


def _quoted(word: str) -> str:
    """Quote for a POSIX shell, unless the word is plain."""
    plain = re.fullmatch(r"[a-z0-9][a-z0-9-]*", word)
    return word if plain else "'" + word.replace("'", "'\"'\"'") + "'"
