"""The explanation of a verdict as data: its recipes, the wheel that they give, and what proves each remedy."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from orchestrator.publish import proof

if TYPE_CHECKING:
    from orchestrator.model import Result


def explanation(result: Result) -> dict[str, Any]:
    """Return the explanation of one verdict, for JSON.

    `causes` has how well each is proven, as a sentence, in `claim`; `recipes` has each form with its text, the
    expected wheel and the builds that ran it; `remedies` has the experiments behind each; `builds` has the wheel of
    each build, and the hash of the text that it ran.
    """
    wheel = next(((recipe.filename, recipe.sha256) for recipe in result.recipes if recipe.sha256), ("", ""))
    return {
        "project": result.project,
        "version": result.version,
        "image": result.image.name,
        "job": result.job,
        "verdict": result.verdict,
        "holds": result.holds,
        "causes": [asdict(cause) | {"claim": proof.of_cause(result, cause)} for cause in result.causes],
        "unexplained": [asdict(one) for one in result.unexplained],
        "cautions": [asdict(caution) for caution in result.cautions],
        "sdist": asdict(result.sdist) if result.sdist else None,
        "build_requirements": [asdict(pin) for pin in result.build_requirements],
        "filename": wheel[0],
        "sha256": wheel[1],
        "recipe": result.recipe,
        "recipes": [asdict(recipe) for recipe in result.recipes],
        "changes": [asdict(change) for change in result.changes],
        "remedies": [
            asdict(remedied)
            | {"experiments": [asdict(one) for one in result.experiments if remedied.name in one.remedies]}
            for remedied in result.remedies
        ],
        "experiments": [asdict(one) for one in result.experiments],
        "builds": [
            {
                "name": build.name,
                "filename": build.wheel.filename if build.wheel else "",
                "sha256": build.wheel.sha256 if build.wheel else "",
                "recipe": build.environment.recipe,
                "log": build.log,
            }
            for build in result.builds
        ],
    }
