"""The tests: those of pure modules need nothing; the docstring of each other folder names what it needs."""
