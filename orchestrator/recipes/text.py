"""Writes a recipe in each form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.model import RecipeForm
from orchestrator.model.names import is_sha256, may_be_set
from orchestrator.recipes import frontends
from orchestrator.recipes.debian import debian_rules
from orchestrator.recipes.embedded_forms import dockerfile, github
from orchestrator.recipes.plan import writings_of
from orchestrator.recipes.script import script

if TYPE_CHECKING:
    from orchestrator.model.request import Recreation
    from orchestrator.recipes.frontends import Pinned
    from orchestrator.recipes.inputs import RecipeInputs

_UMASKS = 0o077
"""The bits that a umask may have: a recipe has to read and write its own files."""

_TIMEZONE = re.compile(r"[A-Za-z0-9<>+:,./-]{0,100}")


def write(form: RecipeForm, inputs: RecipeInputs) -> str:
    """Return the text of a recipe; the same for equal inputs. Where `obstacle` is not empty, it would not work.

    Raises KeyError if the catalogue lacks a remedy of the inputs.
    """
    if form is RecipeForm.DEBIAN_RULES:
        return debian_rules(inputs)
    if form is RecipeForm.DOCKERFILE:
        return dockerfile(inputs)
    if form is RecipeForm.GITHUB:
        return github(inputs)
    return script(form, inputs)


def wanted(form: RecipeForm, inputs: RecipeInputs) -> tuple[Pinned, ...]:
    """Return what the recipe installs besides the build requirements, by name."""
    requires = (name for one in writings_of(inputs) for name in one.requires)
    return frontends.wanted(form, requires, (pin.name for pin in inputs.pins))


def obstacle(inputs: RecipeInputs) -> str:
    """Return in one sentence why no recipe can be written; "" if one can."""
    for pin in inputs.pins:
        if pin.built_here:
            return f"The build requirement {pin.name} {pin.version} was built here, so that no index has it."
    return member_obstacle(inputs) or _cannot_recreate(inputs)


def member_obstacle(inputs: RecipeInputs) -> str:
    """Return why no recipe can build a release, whose build requirements may be built here; "" if one can."""
    for pin in inputs.pins:
        if not is_sha256(pin.sha256):
            return f"The build requirement {pin.name} {pin.version} has no SHA-256."
    if not is_sha256(inputs.sdist.sha256):
        return "The sdist has no SHA-256."
    if not all(text.isprintable() for text in (inputs.backend, *inputs.backend_path)):
        return "The name or the path of the build backend has a character that cannot be printed."
    if not all(text.isprintable() for pair in inputs.config_settings for text in pair):
        return "A config setting has a character that cannot be printed."
    return ""


def _cannot_recreate(inputs: RecipeInputs) -> str:
    """Return why the publisher's settings cannot be written; "" if they can."""
    recreation, published = inputs.recreation, inputs.published
    if why := settings_obstacle(recreation):
        return why
    if not all(may_be_set(name, value) for name, value in recreation.variables):
        return "A recipe may not set an environment variable of such a name or value."
    if published and not is_sha256(published.sha256):
        return "The published wheel has no SHA-256."
    return ""


def settings_obstacle(recreation: Recreation) -> str:
    """Return why a umask or a time zone cannot be written; "" if they can."""
    if recreation.umask is not None and recreation.umask & ~_UMASKS:
        return f"A recipe cannot work with the umask {recreation.umask:04o}."
    if not _TIMEZONE.fullmatch(recreation.timezone):
        return "The time zone is not in the form of POSIX."
    return ""
