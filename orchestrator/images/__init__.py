"""The images that builds run in: their recipes and locks, and how they are made."""
