"""The command explain: why a release got its verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli import completion, options, output
from orchestrator.cli.show import results_of, story_of, verifications_of
from orchestrator.errors import UsageError
from orchestrator.model import RecipeForm, RecipeProof

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.model import Recipe, Result, Verification


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
@options.option("--published", is_flag=True, help="With --recipe: the file that builds the published wheel.")
@options.everything("all places that the record lists")
@options.as_json("the explanation, with all recipes and the experiments behind each remedy, as one JSON object")
def explain(
    project: str,
    config_file: Path,
    folder: Path | None,
    image: str | None,
    report: bool,
    form: str | None,
    published: bool,
    whole: bool,
    as_json: bool,
) -> None:
    """Explain the verdict on PROJECT, or on PROJECT==VERSION: its causes, what proves them, and how to fix it.

    If published wheels of the same version were verified, their outcomes are explained, too.
    """
    from orchestrator.publish import advice, verification
    from orchestrator.publish.explanation import explanation

    if report + bool(form) + as_json > 1:
        msg = "reading the options: --report, --recipe and --json exclude each other; give one of them"
        raise UsageError(msg)
    if published and not form:
        msg = "reading the options: --published is for --recipe; give it the FORM of the recipe, too"
        raise UsageError(msg)
    settings, store = options.opened(config_file, folder)
    verified = () if report or (form and not published) else verifications_of(store, project, image)
    result = next(results_of(store, project, image, settings, needed=not verified), None)
    version = result.version if result else verified[0].version
    wheels = tuple(one for one in verified if one.version == version)
    if form and published:
        click.echo(_published_recipe(project, wheels, RecipeForm(form)).text, nl=False)
    elif form and result:
        click.echo(_recipe(result, RecipeForm(form)).text, nl=False)
    elif as_json:
        found = explanation(result) if result else {"project": wheels[0].project, "version": version}
        output.as_json_object(found | {"verifications": [verification.explanation(one) for one in wheels]})
    elif report and result:
        with output.paged():
            output.pasted(advice.report(result) or f"{result.project} {result.version}: there is nothing to report.")
    else:
        with output.paged():
            if result:
                output.blocks(story_of(result, settings.folder, whole=whole))
            _print_wheels(wheels, whole=whole, apart=result is not None)
            _print_others([one for one in verified if one.version != version])


def _print_wheels(wheels: Sequence[Verification], *, whole: bool, apart: bool) -> None:
    """Print all that is known of published wheels, with an empty line before each that something precedes."""
    from orchestrator.publish import terminal, terminal_verification
    from orchestrator.publish.catalogue import summaries

    bounds = terminal.WHOLE if whole else terminal.SHORT
    for number, one in enumerate(wheels):
        if apart or number:
            click.echo("")
        output.blocks(terminal_verification.story(one, summaries(), bounds))


def _print_others(wheels: Sequence[Verification]) -> None:
    """Print the outcomes of the published wheels of other versions."""
    if wheels:
        click.echo("\nOther versions:")
        output.wheels(wheels)


def _published_recipe(project: str, wheels: Sequence[Verification], form: RecipeForm) -> Recipe:
    """Return the recipe of that form that builds a published wheel; raise UsageError if there is none."""
    recipes = (recipe for one in wheels for recipe in one.recipes)
    found = next((one for one in recipes if one.form is form and one.proof is not RecipeProof.REJECTED), None)
    if found is None:
        msg = f"looking for a recipe of the published wheel of {project}: there is none of the form {form}"
        raise UsageError(msg)
    return found


def _recipe(result: Result, form: RecipeForm) -> Recipe:
    """Return the recipe of that form; raise UsageError if there is none."""
    from orchestrator.publish import advice

    found = next((recipe for recipe in result.recipes if recipe.form is form), None)
    if found is None or found.proof is RecipeProof.REJECTED:
        why = advice.why_no_recipe(result) if found is None else f"the form {form} was rejected: {found.why}"
        msg = f"looking for a recipe of {result.project} {result.version}: there is none: {why}"
        raise UsageError(msg)
    return found
