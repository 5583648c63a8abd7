"""The verification of a published wheel as lines and tables for a terminal; hostile text is made harmless."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.publish import terminal, verification
from orchestrator.publish.terminal import LONGEST, SHORT, Found, Table, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.model import Verification
    from orchestrator.publish.terminal import Block, Bounds


def story(it: Verification, summaries: Mapping[str, str], bounds: Bounds = SHORT) -> Iterator[Block]:
    """Report all that is known of one verification; `summaries` has a sentence for each slug of a cause."""
    yield from headline(it)
    yield from _hashes(it)
    yield from _clues(it, bounds)
    yield from _settings(it)
    yield from _lines(it, bounds)
    yield from terminal.why(
        Found(it.causes, it.unexplained, it.differences, verification.SIDES, apart=True), summaries, bounds=bounds
    )
    yield from terminal.differences(it.differences, bounds)
    yield from _attempts(it, bounds)
    yield from _builds(it, bounds)
    yield from _recipes(it)


def headline(it: Verification) -> Iterator[Block]:
    """Report the outcome of one verification, and what it means of this wheel."""
    where = f" on {it.image.name}" if it.image else ""
    wheel = f", {it.wheel}" if it.wheel else ""
    yield f"{one_line(f'{it.project} {it.version}{wheel}{where}')}: {it.outcome}"
    for sentence in verification.sentences(it):
        yield f"  {one_line(sentence, bound=2 * LONGEST)}"


def _hashes(it: Verification) -> Iterator[Block]:
    if it.sha256:
        yield f"  Published: {one_line(it.sha256)}{f', uploaded {one_line(it.uploaded)}' if it.uploaded else ''}"
    if it.rebuilt_sha256:
        yield f"  Rebuilt: {one_line(it.rebuilt_sha256)}"
    if it.failure and it.failure.evidence:
        yield f"  {one_line(it.failure.evidence)}"


def _clues(it: Verification, bounds: Bounds) -> Iterator[Block]:
    if it.clues:
        yield ""
        yield "Clues"
        yield Table(
            ("clue", "revealed", "used"),
            tuple(
                (one_line(one.name), one_line(one.value), "yes" if one.used else "no")
                for one in it.clues[: bounds.rows]
            ),
        )
        yield from terminal.more(it.clues, bounds, "clues")


def _settings(it: Verification) -> Iterator[Block]:
    settings = verification.settings(it.recreation)
    if settings:
        yield ""
        yield "Rebuilt with"
        yield from (f"  {name}: {one_line(value)}" for name, value in settings)
    if it.build_requirements:
        pins = ", ".join(f"{pin.name}=={pin.version}" for pin in it.build_requirements)
        yield f"  build requirements: {one_line(pins, bound=2 * LONGEST)}"


def _lines(it: Verification, bounds: Bounds) -> Iterator[Block]:
    if it.lines:
        yield ""
        yield "Lines that differ"
    for line in it.lines[: bounds.rows]:
        yield f"  {one_line(line.path)}: {one_line(line.cause) or 'no cause is known'}"
        yield from terminal.both(line.published, line.ours, verification.SIDES, bounds)
    yield from terminal.more(it.lines, bounds, "lines")


def _attempts(it: Verification, bounds: Bounds) -> Iterator[Block]:
    if not it.attempts:
        return
    yield ""
    yield "Attempts"
    yield Table(
        ("build", "outcome", "settings", "left different"),
        tuple(
            (
                one_line(one.build) or "none",
                one.closeness.outcome.value if one.closeness else "no wheel",
                one_line("; ".join(f"{name} {value}" for name, value in verification.settings(one.recreation))),
                one_line(verification.left(one)),
            )
            for one in it.attempts[: bounds.rows]
        ),
    )
    yield from terminal.more(it.attempts, bounds, "attempts")


def _builds(it: Verification, bounds: Bounds) -> Iterator[Block]:
    if it.builds:
        yield ""
        yield "Builds"
        yield terminal.builds_table(it.builds[: bounds.rows])


def _recipes(it: Verification) -> Iterator[Block]:
    recipes = verification.recipes(it)
    if recipes:
        yield ""
        yield "Recipe of the published wheel"
        yield from (f"  {one_line(title)}" for title, _ in recipes)
        name = f"{one_line(it.project)}=={one_line(it.version)}"
        yield f"  wheelproof explain {name} --published --recipe FORM prints the file."
