"""Shows how Python was started for it, and which of its build requirements' modules it gets."""

import os
import sys


def commit():
    import json
    import sitecustomize

    requirements = os.environ["PYTHONPATH"]
    lines = [
        *(f"path {one}" for one in sys.path),
        f"flags {sys.flags}",
        f"arguments {len(sys.argv)}",
        f"sitecustomize {sitecustomize.__file__}",
        f"shadow {getattr(json, 'SHADOW', 'no')}",
        f"pth {getattr(sys, 'pth', 'no')}",
        f"spawned {os.popen('python3 -c ' + chr(39) + 'import sys; print(sys.pth)' + chr(39)).read().strip()}",
    ]
    text = "\n".join(lines).replace(requirements, "REQUIREMENTS").replace(os.getcwd(), "SOURCE")
    return {"sin/__init__.py": b"", "sin/shown.txt": text.encode()}
