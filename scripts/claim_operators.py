"""Apply each operator of cosmic-ray once. It runs in an environment that has cosmic-ray, by claims.py.

The input is a JSON object: a `seed`, and `texts` of modules. The output is a line of JSON for each operator: its name,
which text was changed, the text before and the text after. The number is -1 where the operator fits none of the texts
that were tried: its own example is changed then.
"""

from __future__ import annotations

import json
import random
import sys
from typing import Any

from cosmic_ray.ast import Visitor, get_ast  # type: ignore[import-not-found]
from cosmic_ray.mutating import mutate_code  # type: ignore[import-not-found]
from cosmic_ray.plugins import get_operator, operator_names  # type: ignore[import-not-found]

TRIED = 8
"""The most texts that are tried for one operator."""


class _Places(Visitor):  # type: ignore[misc] # cosmic-ray has no types
    """The number of places of a text that an operator can change."""

    def __init__(self, operator: Any) -> None:  # noqa: ANN401 - cosmic-ray has no types
        self._operator = operator
        self.count = 0

    def visit(self, node: Any) -> Any:  # noqa: ANN401 - cosmic-ray has no types
        self.count += sum(1 for _ in self._operator.mutation_positions(node))
        return node


def of_texts(name: str, texts: list[str], chance: random.Random) -> tuple[int, str, str] | None:
    """Change one place of one text; None if the operator needs arguments, or fits none of those that are tried."""
    kind = get_operator(name)
    if kind.arguments():
        return None
    for number in chance.sample(range(len(texts)), min(TRIED, len(texts))):
        places = _Places(kind())
        places.walk(get_ast(texts[number]))
        if places.count:
            after = mutate_code(texts[number], kind(), chance.randrange(places.count))
            if after not in (None, texts[number]):
                return number, texts[number], after
    return None


def of_example(name: str) -> tuple[int, str, str]:
    """Change the operator's own example; both texts are empty if it has none."""
    kind = get_operator(name)
    for one in kind.examples():
        after = mutate_code(one.pre_mutation_code, kind(**one.operator_args), one.occurrence)
        if after not in (None, one.pre_mutation_code):
            return -1, one.pre_mutation_code, after
    return -1, "", ""


def main() -> None:
    """Read texts, and print the changed ones."""
    given = json.load(sys.stdin)
    chance = random.Random(given["seed"])  # noqa: S311 - the same every time
    for name in sorted(operator_names()):
        print(json.dumps([name, *(of_texts(name, given["texts"], chance) or of_example(name))]))


if __name__ == "__main__":
    main()
