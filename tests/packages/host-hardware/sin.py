"""Stores the model of the build host's processor and the version of its kernel."""


def commit():
    with open("/proc/cpuinfo") as stream:
        model = next((line.partition(":")[2].strip() for line in stream if line.startswith("model name")), "unknown")
    with open("/proc/version") as stream:
        kernel = stream.read().split()[2]
    return {"sin/captured.txt": f"built on {model} with Linux {kernel}\n".encode()}
