"""Clues: what a published wheel and its index entry reveal of the environment in which the wheel was built."""
