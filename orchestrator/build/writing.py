"""How a setting of a build is written for users: in a shell script, in debian/rules, on a page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Writing:
    """How a remedy, or a variation that is held, is written; `$PWD` is the source's folder and `$HOME` the home folder.

    Only our own texts come here. Each can be used as it is between a shell's double quotes.
    """

    lines: tuple[str, ...] = ()  # of shell, to run before the build
    variables: tuple[tuple[str, str], ...] = ()
    flags: tuple[str, ...] = ()  # of the C and C++ compilers
    settings: tuple[tuple[str, str], ...] = ()  # --config-settings
    wrap: tuple[str, ...] = ()  # words before the command that builds
    finish: tuple[str, ...] = ()  # steps of postprocess, applied to the finished wheel
    folder: str = ""  # where the source is unpacked, if that matters
    requirements: str = ""  # where the build requirements are installed, if that matters
    compilers: bool = False  # whether compilers are called through a wrapper
    pretend: bool = False  # whether setuptools-scm gets the version from a variable
    note: str = ""  # what no script can do
