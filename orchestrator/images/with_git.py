"""An image with git, on which the sdist of a checkout is built; its wheel is built on the image itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.errors import EngineError, ImageError, TransientEngineError
from orchestrator.images.build import alone, context
from orchestrator.model import digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.images.bootstrap import Images
    from orchestrator.model import Image

DOCKERFILE = """\
FROM {image}
RUN command -v git || if command -v apt-get; then \\
      apt-get -qq -o Acquire::Retries=3 update && \\
      DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 --no-install-recommends install git && \\
      rm -rf /var/lib/apt/lists/*; \\
    else dnf -q -y install git-core; fi
"""
"""What adds git to an image that has none: Debian's, or AlmaLinux's in images of manylinux."""


def with_git(engine: Images, image: Image, cache: Path, log: Callable[[str], None]) -> Image:
    """Return an image with git added; its manifest stays, so that no verdict depends on git.

    Raises
    ------
    ImageError
        git cannot be installed.

    """
    dockerfile = DOCKERFILE.format(image=image.id)
    tag = f"wheelproof/git:{digest(dockerfile)[:16]}"
    with alone(cache, f"git-{image.name}"):
        local = engine.image(tag)
        if local is None:
            log(f"adding git to the image {image.name}, for the sdists of checkouts")
            try:
                engine.build_image(context((("Dockerfile", dockerfile.encode()),)), tag, {}, {}, lambda _line: None)
            except TransientEngineError:
                raise
            except EngineError as error:
                msg = f"adding git to the image {image.name}: {error}; check that its package archive can be reached"
                raise ImageError(msg) from error
            local = engine.image(tag)
    return replace(image, id=local.id if local else tag)
