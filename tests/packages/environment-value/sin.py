"""Stores a variable of the environment in JSON, where it is set."""

import json
import os


def commit():
    return {"sin/captured.json": json.dumps({"captured": os.environ.get("CAPTURE_ENVIRONMENT")}).encode()}
