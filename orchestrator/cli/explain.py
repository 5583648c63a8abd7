"""The command explain: why a release got its verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli import completion, options, output
from orchestrator.cli.show import results_of, story_of
from orchestrator.errors import UsageError
from orchestrator.model import RecipeForm, RecipeProof

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.model import Recipe, Result


@click.command
@click.argument("project", metavar="PROJECT[==VERSION]", shell_complete=completion.with_results)
@options.CONFIG
@options.RESULTS
@options.option(
    "--image",
    metavar="NAME",
    shell_complete=completion.images,
    help="The verdict on that image; the newest by default.",
)
@options.option("--report", is_flag=True, help="Print reports for those who can remove the causes, as Markdown.")
@options.option(
    "--recipe",
    "form",
    type=click.Choice([form.value for form in RecipeForm]),
    help="Print just the file that builds the wheel: a script for pip (sh), build or uv, or another form.",
)
@options.everything("all places that the record lists")
@options.as_json("the explanation, with all recipes and the experiments behind each remedy, as one JSON object")
def explain(
    project: str,
    config_file: Path,
    folder: Path | None,
    image: str | None,
    report: bool,
    form: str | None,
    whole: bool,
    as_json: bool,
) -> None:
    """Explain the verdict on PROJECT, or on PROJECT==VERSION: its causes, what proves them, and how to fix it."""
    from orchestrator.publish import advice
    from orchestrator.publish.explanation import explanation

    if report + bool(form) + as_json > 1:
        msg = "reading the options: --report, --recipe and --json exclude each other; give one of them"
        raise UsageError(msg)
    settings, store = options.opened(config_file, folder)
    result = next(results_of(store, project, image, settings))
    if form:
        click.echo(_recipe(result, RecipeForm(form)).text, nl=False)
        return
    if as_json:
        output.as_json_object(explanation(result))
        return
    with output.paged():
        if report:
            output.pasted(advice.report(result) or f"{result.project} {result.version}: there is nothing to report.")
        else:
            output.blocks(story_of(result, settings.folder, whole=whole))


def _recipe(result: Result, form: RecipeForm) -> Recipe:
    """Return the recipe of that form; raise UsageError if there is none."""
    from orchestrator.publish import advice

    found = next((recipe for recipe in result.recipes if recipe.form is form), None)
    if found is None or found.proof is RecipeProof.REJECTED:
        why = advice.why_no_recipe(result) if found is None else f"the form {form} was rejected: {found.why}"
        msg = f"looking for a recipe of {result.project} {result.version}: there is none: {why}"
        raise UsageError(msg)
    return found
