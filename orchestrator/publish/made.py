"""What the pages of a site were made from, so that another process writes only those that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from orchestrator.publish.card import Card
from orchestrator.util import escapes

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.results.summary import Standing

_Pages = dict[str, str]  # path relative to the site -> hash of all that its text follows from
_Cards = dict[str, tuple[str, Card]]  # project -> hash of all that its card follows from, and the card
_FORM = TypeAdapter(tuple[_Pages, _Cards])


class Made:
    """The pages that are written, and the card of each project; `begin` starts a new round."""

    def __init__(self, pages: _Pages | None = None, cards: _Cards | None = None) -> None:
        """Start with what an earlier process knew, or with nothing."""
        self._known, self._cards = pages or {}, cards or {}
        self.pages: _Pages = {}
        self.cards: _Cards = {}
        self.tried: set[str] = set()  # diffoscope's reports that this process could not write
        self.begin()

    def begin(self) -> None:
        """Forget the pages and cards of the last round that nothing asked for in it: they are no longer of the site."""
        if self.pages or self.cards:
            self._known, self._cards = self.pages, self.cards
        self.pages, self.cards = {}, {}

    def is_written(self, path: str, made_from: str) -> bool:
        """Return whether a page is written from exactly this; it belongs to the site of this round then."""
        if self.pages.get(path, self._known.get(path)) != made_from:
            return False
        self.pages[path] = made_from
        return True

    def note(self, path: str, made_from: str) -> None:
        """Record that a page is written."""
        self.pages[path] = made_from

    def has(self, path: str) -> bool:
        """Return whether a page is written, in this round or an earlier one."""
        return path in self.pages or path in self._known

    def card(self, project: str, made_from: str, make: Callable[[], Card]) -> Card:
        """Return a project's card: the known one, if it was made from exactly this."""
        known, card = self._cards.get(project, ("", None))
        if card is None or known != made_from:
            card = make()
        self.cards[project] = (made_from, card)
        return card

    def hashes(self, standing: Standing) -> tuple[str, ...]:
        """Return what `site_data.hashes` does, from the card of this round."""
        _, card = self.cards.get(standing.project, ("", None))
        found = {(version, place): both for version, place, both in card.hashes} if card else {}
        return found.get((standing.version, standing.place), ())

    def keep(self, is_there: Callable[[str], bool]) -> None:
        """Forget the pages that are not there any more, or changed since."""
        self._known = {path: made_from for path, made_from in self._known.items() if is_there(path)}


def written(made: Made) -> str:
    """Return what is known after a round, as text."""
    value = _FORM.dump_python((made.pages, made.cards), mode="json")
    return _JSON.dump_json(escapes.all_escaped(value)).decode() + "\n"


def read(data: bytes) -> Made:
    """Return what was written; nothing is known if it cannot be read, or is of another form."""
    try:
        return Made(*_FORM.validate_python(escapes.all_unescaped(_JSON.validate_json(data))))
    except (ValidationError, ValueError, TypeError, RecursionError):
        return Made()


_JSON: TypeAdapter[object] = TypeAdapter(object)
