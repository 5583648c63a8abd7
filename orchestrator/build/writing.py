"""How a setting of a build is written for users: in a shell script, in debian/rules, on a page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Writing:
    """How a remedy, or a variation that is held, is written.

    Only our own texts come here. Each can be used as it is between a shell's double quotes. In them, `$work` is the
    recipe's own folder, `$source` the unpacked source in it, `$env` the folder with the build requirements, `$HOME`
    the home folder.
    """

    lines: tuple[str, ...] = ()  # of shell, to run before the build
    folders: tuple[str, ...] = ()  # created after the source is unpacked, with their parents
    variables: tuple[tuple[str, str], ...] = ()  # exported for the build
    flags: tuple[str, ...] = ()  # appended to every call of a C or C++ compiler; `$PWD` is the folder of the call
    settings: tuple[tuple[str, str], ...] = ()  # --config-setting
    wrap: tuple[str, ...] = ()  # words before the command that builds
    finish: tuple[str, ...] = ()  # steps of postprocess, applied to the finished wheel
    fixed_folder: bool = False  # whether `$work` has one path in every run, instead of a random one
    length: int = 0  # characters of the path of `$work`, if that matters
    clean_environment: bool = False  # whether the build gets only the variables that the recipe sets
    requires: tuple[str, ...] = ()  # projects of the index that the recipe uses besides the build requirements
    pretend: bool = False  # whether setuptools-scm gets the version from a variable
    check: str = ""  # a shell condition on the machine, which no script can bring about
    note: str = ""  # what that condition means, and how to meet it
