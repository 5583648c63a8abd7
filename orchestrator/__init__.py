"""Wheelproof proves which Python wheels can be rebuilt bit for bit, and explains the rest."""

__version__ = "0.1.0"
