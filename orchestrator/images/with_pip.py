"""An image with Debian's pip, for the method of 2020; builds of the farm need no pip in their image."""

from __future__ import annotations

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
RUN apt-get -qq -o Acquire::Retries=3 update && \\
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 --no-install-recommends \\
      install python3-pip python3-venv && \\
    rm -rf /var/lib/apt/lists/*
"""


def with_pip(engine: Images, image: Image, cache: Path, log: Callable[[str], None]) -> str:
    """Return the id of an image that is the given one with pip; it is made once.

    Raises
    ------
    ImageError
        pip cannot be installed: the image is not Debian's, or the package archive does not answer.

    """
    dockerfile = DOCKERFILE.format(image=image.id)
    tag = f"wheelproof/pip:{digest(dockerfile)[:16]}"
    with alone(cache, f"pip-{image.name}"):
        local = engine.image(tag)
        if local is not None:
            return local.id
        log(f"adding pip to the image {image.name}, for the method of 2020")
        try:
            files = (("Dockerfile", dockerfile.encode()),)
            return engine.build_image(context(files), tag, {}, {}, lambda _line: None)
        except TransientEngineError:
            raise
        except EngineError as error:
            msg = (
                f"adding pip to the image {image.name}: {error}; use an image of Debian, and check that its package "
                "archive can be reached"
            )
            raise ImageError(msg) from error
