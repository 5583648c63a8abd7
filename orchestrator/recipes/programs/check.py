"""Checks that Python has what a recipe needs, and prints lines of shell to evaluate: what it found.

python3 - VERSION [native] [pip] <check.py

With `native`, the version must be VERSION, and there must be a C compiler and Python.h. With `pip`, the user's settings
of pip are left out, except those that say where packages are: one such as `user`, `target` or `constraint` would change
what is installed, in whichever file or variable it is. If something is missing, the exit status is 2.
"""

from __future__ import annotations

import os
import sys

sys.path = [one for one in sys.path if one]  # without the current folder, where any file may be

import ast  # noqa: E402 - after that
import shlex  # noqa: E402
from importlib.util import find_spec  # noqa: E402

OLDEST_PIP = (22, 3)  # no older one was tried
KEPT = {
    *("index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "proxy", "cert", "client-cert"),
    *("keyring-provider", "timeout", "default-timeout", "retries"),
}


def need(text: str) -> None:
    """End the program with a line that says what to do."""
    print(f"{sys.executable}: {text}", file=sys.stderr)
    sys.exit(2)


def check_compiler() -> None:
    """Check that there is what compiles an extension module."""
    import shutil  # noqa: PLC0415 - slow to import, and most recipes compile nothing
    import sysconfig  # noqa: PLC0415

    if not shutil.which(shlex.split(sysconfig.get_config_var("CC") or "cc")[0]):
        need("no C compiler; install gcc (on Debian: build-essential)")
    if not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")):
        need("no Python.h; install Python's headers (on Debian: python3-dev)")


def pip_folder() -> str:
    """Return the folder from which Python imports pip, whose version is checked."""
    try:
        import pip  # noqa: PLC0415 - its first module is small

        version = tuple(int(one) for one in pip.__version__.split(".")[:2])
        place = os.path.dirname(os.path.dirname(os.path.abspath(pip.__file__)))
    except (ImportError, AttributeError, TypeError, ValueError):
        version, place = (), ""
    if version < OLDEST_PIP:
        need("no pip 22.3 or later; install it (on Debian: python3-pip)")
    return place


def places() -> list[str]:
    """Return where configuration files of pip may be on Linux, as its documentation says."""
    given = os.environ.get("PIP_CONFIG_FILE", "")
    if given == os.devnull:
        return []  # it means none, not even the others
    folders = ["/etc/xdg", "~/.config", os.environ.get("XDG_CONFIG_HOME", "")]
    folders += os.environ.get("XDG_CONFIG_DIRS", "").split(os.pathsep)
    files = [os.path.join(one, "pip", "pip.conf") for one in folders if one]
    files += [given, "/etc/pip.conf", "~/.pip/pip.conf", os.path.join(sys.prefix, "pip.conf")]
    return [os.path.expanduser(one) for one in files if one]


def configured() -> dict[str, str]:
    """Return the kept settings in configuration files, as pip reads them."""
    import subprocess  # noqa: PLC0415 - slow to import, and few users have such files

    done = subprocess.run([sys.executable, "-m", "pip", "config", "list"], stdout=subprocess.PIPE, text=True)  # noqa: PLW1510
    if done.returncode:
        need("pip cannot read its settings; correct them")
    pairs = [line.partition("=")[::2] for line in done.stdout.splitlines() if not line.startswith(":env:")]
    pairs.sort(key=lambda pair: pair[0].startswith("install."))  # these are used rather than those of all commands
    return {key.rpartition(".")[2]: ast.literal_eval(value) for key, value in pairs if key.rpartition(".")[2] in KEPT}


def settings() -> list[str]:
    """Return lines of shell that leave of pip's settings those that are kept."""
    may_be = sys.platform != "linux" or any(map(os.path.exists, places()))
    kept, lines = configured() if may_be else {}, []
    for name, value in os.environ.items():
        if name.startswith("PIP_") and name.isascii() and name.isidentifier():
            lines.append(f"unset {name}")
            setting = name[4:].lower().replace("_", "-")
            if setting in KEPT:
                kept[setting] = value
    return lines + [f"export PIP_{key.upper().replace('-', '_')}={shlex.quote(kept[key])}" for key in kept]


def main(wanted: str, *needs: str) -> None:
    """Run the program."""
    version = "{}.{}".format(*sys.version_info)
    if sys.version_info < (3, 10) or not find_spec("venv"):
        need("install Python 3.10 or later, with its module venv")
    if "native" in needs and version != wanted:
        need(f"this is Python {version}, and the wheel is for {wanted}; set PYTHON to a Python {wanted}")
    if version != wanted:
        print(f"note: this is Python {version}; the recipe was written for {wanted}", file=sys.stderr)
    if "native" in needs:
        check_compiler()
    lines = [f"python={shlex.quote(sys.executable)} version={version}"]
    if "pip" in needs:
        lines += [f"pip={shlex.quote(pip_folder())}", *settings()]
    print("\n".join(lines))


if __name__ == "__main__":
    main(*sys.argv[1:])
