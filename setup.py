"""Adds images/ and profiles/ to the package; pyproject.toml describes everything else.

The two folders are at the top of the repository, because people edit them. An installed farm
needs them too, so that a build copies them into the package, as orchestrator/data/. A checkout
and an editable installation use the folders themselves: see orchestrator/util/shipped.py.
"""

from __future__ import annotations

import os
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = ("images", "profiles")


class BuildWithData(build_py):
    """The usual step that copies modules and their data, and the two folders besides."""

    def run(self) -> None:
        """Copy all of it; an editable installation gets no copy of the two folders."""
        super().run()
        if not self.editable_mode:
            for source, target in self._shipped().items():
                self.mkpath(os.path.dirname(target))  # noqa: PTH120 - setuptools has its paths as texts
                self.copy_file(source, target, preserve_mode=False)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:  # noqa: FBT001, FBT002 - setuptools' own
        """List all files that the step writes."""
        return [*super().get_outputs(include_bytecode), *self._shipped().values()]

    def get_source_files(self) -> list[str]:
        """List all files that the step reads; the sdist has each of them."""
        return [*super().get_source_files(), *self._shipped()]

    def _shipped(self) -> dict[str, str]:
        """Map each file of the two folders to its copy."""
        paths = sorted(path for name in SHIPPED for path in Path(name).rglob("*") if path.is_file())
        return {str(path): str(Path(self.build_lib, "orchestrator", "data", path)) for path in paths}


os.umask(0o022)  # a wheel records the modes of files, which would follow the umask of whoever builds
setup(cmdclass={"build_py": BuildWithData})
