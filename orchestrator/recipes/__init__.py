"""Recipes: files that build a release to known bytes, in each form that users need. Pure functions of their inputs."""
