"""Programs that a recipe embeds. Standard library only, for any Python from 3.10 on: they run on the user's host."""
