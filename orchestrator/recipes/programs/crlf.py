"""Ends the lines of text files with CR LF, as a checkout on Windows has them; git takes a file without NUL for text.

python3 crlf.py FOLDER

Times stay as they are.
"""

from __future__ import annotations

import os
import sys

LOOKED_AT = 8000  # bytes in which git looks for a NUL


def with_crlf(content: bytes) -> bytes:
    """Return a text with other ends of lines; what is none, or has such ends, as it is."""
    as_is = b"\0" in content[:LOOKED_AT] or b"\r\n" in content
    return content if as_is else content.replace(b"\n", b"\r\n")


def main(root: str) -> None:
    """Run the program."""
    for folder, _, names in os.walk(root):
        for place in (os.path.join(folder, name) for name in names):
            if os.path.islink(place):
                continue
            with open(place, "rb") as stream:
                content = stream.read()
            when = os.stat(place).st_mtime_ns
            if with_crlf(content) != content:
                with open(place, "wb") as out:
                    out.write(with_crlf(content))
                os.utime(place, ns=(when, when))


if __name__ == "__main__":
    main(*sys.argv[1:])
