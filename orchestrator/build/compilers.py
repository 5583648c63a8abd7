"""Wrappers of the C and C++ compilers, which keep the folder of each call out of what is compiled."""

from __future__ import annotations

WRAPPED = ("cc", "c++", "gcc", "g++", "x86_64-linux-gnu-gcc", "x86_64-linux-gnu-g++")
"""The names by which build backends call a compiler."""

WRAPPER = """#!/bin/sh
exec /usr/bin/{name} "$@" "-ffile-prefix-map=$PWD=."
"""
"""gcc takes the last of several maps of one path, so this one overrides those of the package."""
