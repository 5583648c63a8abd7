"""Recipes: files that build a release to known bytes, in each form that users need. Pure functions of their inputs."""

from orchestrator.recipes.frontends import Pinned, begins_with
from orchestrator.recipes.inputs import RecipeInputs, SetInputs
from orchestrator.recipes.script import without_wheel
from orchestrator.recipes.text import obstacle, wanted, write

__all__ = ["Pinned", "RecipeInputs", "SetInputs", "begins_with", "obstacle", "wanted", "without_wheel", "write"]
