"""A project -> its badge: as JSON for shields.io's endpoint badge, and as an SVG that needs no service.

The badge has the worst that is known of what is current: `Project.current`, and the published wheels of these
versions. Its form is https://shields.io/badges/endpoint-badge.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING

from markupsafe import escape

from orchestrator.model import Outcome, Verdict
from orchestrator.publish import wording
from orchestrator.results import trend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.results.summary import Project, Standing

LABEL = "wheelproof"


class Badge(StrEnum):
    """What a badge may claim, the worst first."""

    FAILS = "does not build"
    DIFFERS = "published wheel differs"
    NOT_REPRODUCIBLE = "not reproducible"
    NO_SDIST = "no sdist"
    RECIPE = "with recipe"
    HELD = "reproducible, some variations held"
    REPRODUCIBLE = "reproducible"
    EXCLUDED = "excluded"
    OPEN = "not judged yet"


MEANINGS = {
    Badge.FAILS: "A current release does not build from its source here.",
    Badge.DIFFERS: "A published wheel of a current release is not what its source gives here.",
    Badge.NOT_REPRODUCIBLE: "Two builds of a current release differ, of one run or of several; no recipe is proven.",
    Badge.NO_SDIST: "A current release has no source distribution.",
    Badge.RECIPE: "Two builds of a current release differ, and with a proven recipe they are equal.",
    Badge.HELD: "Two builds of every current release are equal, some with a variation held or removed.",
    Badge.REPRODUCIBLE: "Two builds of every current release, in different environments, are equal.",
    Badge.EXCLUDED: "The configuration excludes the project.",
    Badge.OPEN: "The project is tracked, and has no verdict yet.",
}

_COLORS = {
    Badge.FAILS: ("red", "#b3361f"),
    Badge.DIFFERS: ("red", "#b3361f"),
    Badge.NOT_REPRODUCIBLE: ("orange", "#8a5a00"),
    Badge.RECIPE: ("yellowgreen", "#4f6f12"),
    Badge.HELD: ("green", "#18774a"),
    Badge.REPRODUCIBLE: ("brightgreen", "#18774a"),
}
_GREY = ("lightgrey", "#59626d")
_CHARACTER, _MARGIN, _HEIGHT = 6.6, 8, 20  # in the SVG's own units

_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" \
aria-label="{title}">
<title>{title}</title>
<clipPath id="round"><rect width="{width}" height="{height}" rx="3"/></clipPath>
<g clip-path="url(#round)"><rect width="{left}" height="{height}" fill="#33393f"/>\
<rect x="{left}" width="{right}" height="{height}" fill="{color}"/></g>
<g fill="#fff" font-family="Verdana, 'DejaVu Sans', sans-serif" font-size="11" text-anchor="middle">
<text x="{first}" y="14" textLength="{first_length}">{label}</text>
<text x="{second}" y="14" textLength="{second_length}">{message}</text>
</g>
</svg>
"""


def badge(project: Project) -> Badge:
    """Return the worst that is known of a project's current releases and their published wheels."""
    order = tuple(Badge)
    return min(_claims(project), key=order.index)


def _claims(project: Project) -> Iterator[Badge]:
    current = project.current
    versions = {one.version for one in current}
    for standing in current:
        yield _claim(standing)
    for one in project.published:
        if one.outcome is Outcome.DIFFERS and (one.version in versions or not versions):
            yield Badge.DIFFERS
    yield Badge.EXCLUDED if project.exclusions else Badge.OPEN


def _claim(standing: Standing) -> Badge:
    if standing.verdict is Verdict.REPRODUCIBLE:
        if standing.unlike:  # as a gate judges it
            return Badge.NOT_REPRODUCIBLE
        return Badge.HELD if wording.qualifiers(standing.latest) else Badge.REPRODUCIBLE
    if standing.verdict in {Verdict.SENSITIVE, Verdict.INTRINSIC}:
        return Badge.RECIPE if trend.has_recipe(standing) else Badge.NOT_REPRODUCIBLE
    fixed = {Verdict.FTBFS: Badge.FAILS, Verdict.NO_SDIST: Badge.NO_SDIST, Verdict.EXCLUDED: Badge.EXCLUDED}
    return fixed[standing.verdict]


def endpoint(of: Badge) -> str:
    """Return a badge as JSON for shields.io."""
    value: dict[str, object] = {
        "schemaVersion": 1,
        "label": LABEL,
        "message": of.value,
        "color": _COLORS.get(of, _GREY)[0],
    }
    return json.dumps(value | ({"isError": True} if of is Badge.FAILS else {}), indent=1) + "\n"


def svg(project: str, of: Badge) -> str:
    """Return a badge as an image, whose text screen readers have with the project's name."""
    first, second = (round(_CHARACTER * len(text)) for text in (LABEL, of.value))
    left, right = first + 2 * _MARGIN, second + 2 * _MARGIN
    return _SVG.format(
        width=left + right,
        height=_HEIGHT,
        title=escape(f"{LABEL}, {project}: {of.value}"),
        left=left,
        right=right,
        color=_COLORS.get(of, _GREY)[1],
        first=left / 2,
        second=left + right / 2,
        first_length=first,
        second_length=second,
        label=LABEL,
        message=escape(of.value),
    )
