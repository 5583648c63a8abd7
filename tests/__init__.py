"""The tests: those of pure modules need nothing, each other kind says what it needs."""
