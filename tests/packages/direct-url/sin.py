"""Says in direct_url.json in which folder it was built."""

import json
import os


def commit():
    text = json.dumps({"url": f"file://{os.getcwd()}", "dir_info": {}})
    return {"sin/__init__.py": b"", "direct_url-1.0.dist-info/direct_url.json": text.encode()}
