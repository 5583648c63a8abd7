"""A build backend without requirements, whose wheels depend on nothing but what `sin.commit` returns."""

import base64
import hashlib
import os
import zipfile

import sin

with open("NAME") as stream:
    NAME = getattr(sin, "NAME", stream.read().strip())
TAG = getattr(sin, "TAG", "py3-none-any")
VERSION = getattr(sin, "version", lambda: "1.0")()


def get_requires_for_build_wheel(config_settings=None):
    return getattr(sin, "REQUIRES", [])


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = NAME.replace("-", "_")
    info = f"{name}-{VERSION}.dist-info"
    sin.SETTINGS = config_settings or {}
    contents = dict(sin.commit())
    contents.setdefault(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n".encode())
    contents.setdefault(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {TAG}\n".encode())
    contents.setdefault(f"{info}/RECORD", record(contents, info))
    filename = f"{name}-{VERSION}-{TAG}.whl"
    getattr(sin, "write", write)(os.path.join(wheel_directory, filename), contents)
    return filename


def record(contents, info):
    lines = []
    for path, content in contents.items():
        code = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={code},{len(content)}")
    return "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()


def write(path, contents):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.external_attr = 0o100644 << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
