"""Images of the machine's engine in a new engine: the layers are shared, since nothing ever writes to them.

That takes a tenth of a second, where saving and loading an image of 500 MB takes half a minute. It is for the storage
driver overlay2, whose folders have been the same since Docker 1.12; with another, images are copied.
"""

from __future__ import annotations

import json
import os
import shutil
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker

if TYPE_CHECKING:
    from collections.abc import Iterable

_DRIVER = "overlay2"


def share(data: Path, identities: Iterable[str]) -> tuple[str, ...]:
    """Put images into the data root of an engine that was never started; return those that must be copied later."""
    here = docker.APIClient(base_url=os.environ.get("DOCKER_HOST"), version="auto")
    try:
        source, images = _root(here), [here.inspect_image(identity) for identity in identities]
    finally:
        here.close()
    if source is None:
        return tuple(image["Id"] for image in images)
    names: dict[str, dict[str, str]] = {}
    (data / "image" / _DRIVER).mkdir(parents=True)
    for image in images:
        _share_image(source, data, image["Id"].removeprefix("sha256:"), image["RootFS"]["Layers"])
        for tag in image["RepoTags"]:
            names.setdefault(tag.rpartition(":")[0], {})[tag] = image["Id"]
    (data / "image" / _DRIVER / "repositories.json").write_text(json.dumps({"Repositories": names}))
    return ()


def _root(client: docker.APIClient) -> Path | None:
    """Return the data root of an engine, if it is here and can be shared."""
    info: dict[str, Any] = client.info()
    root = Path(info["DockerRootDir"])
    readable = os.access(root, os.R_OK) and (root / _DRIVER).is_dir()
    return root if info["Driver"] == _DRIVER and readable else None


def _share_image(source: Path, target: Path, identity: str, layers: list[str]) -> None:
    content = Path("image", _DRIVER, "imagedb", "content", "sha256")
    (target / content).mkdir(parents=True, exist_ok=True)
    shutil.copy(source / content / identity, target / content / identity)
    for chain in accumulate(layers, _chained):
        _share_layer(source, target, chain.removeprefix("sha256:"))


def _chained(below: str, layer: str) -> str:
    """Return the chain id of a layer (OCI image specification, "Layer ChainID")."""
    return f"sha256:{sha256(f'{below} {layer}'.encode()).hexdigest()}"


def _share_layer(source: Path, target: Path, chain: str) -> None:
    described = Path("image", _DRIVER, "layerdb", "sha256", chain)
    if (target / described).exists():  # another image has it
        return
    shutil.copytree(source / described, target / described)
    identity = (source / described / "cache-id").read_text()
    layer = target / _DRIVER / identity
    layer.mkdir(parents=True)
    shutil.copytree(source / _DRIVER / identity, layer, ignore=_content, dirs_exist_ok=True)
    (layer / "diff").symlink_to(source / _DRIVER / identity / "diff")
    links = target / _DRIVER / "l"
    links.mkdir(exist_ok=True)
    (links / (layer / "link").read_text()).symlink_to(f"../{identity}/diff")


def _content(_folder: str, names: list[str]) -> set[str]:
    return {"diff", "merged"} & set(names)
