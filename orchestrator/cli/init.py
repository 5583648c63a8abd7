"""The command init: write a configuration to begin with."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.errors import ConfigError, UsageError

NAME = "config.yaml"


@click.command
@click.argument("folder", default=".", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Write a commented config.yaml into FOLDER, by default the current one.

    An existing config.yaml is never overwritten.
    """
    from orchestrator.config import example

    path = folder / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as stream:
            stream.write(example())
    except FileExistsError as error:
        msg = f"writing {path}: it exists already, and is left as it is; name another folder, or edit that file"
        raise UsageError(msg) from error
    except OSError as error:
        msg = f"writing {path}: {error.strerror or error}; name a folder that you may write to"
        raise ConfigError(msg) from error
    go = "" if folder.absolute() == Path.cwd() else f"cd {folder}\n  "
    click.echo(
        f"written: {path}\n"
        "Edit it, or go on as it is. Builds need Docker or Podman.\n"
        f"  {go}wheelproof plan    # list what would be built\n"
        "  wheelproof run     # build it; results and the site are in results/"
    )
