"""Lists its extras in the order of a set."""


def commit():
    extras = "".join(f"Provides-Extra: {name}\n" for name in {"docs", "test", "lint", "all", "http", "cli", "web"})
    text = f"Metadata-Version: 2.1\nName: metadata-order\nVersion: 1.0\n{extras}"
    return {"sin/__init__.py": b"", "metadata_order-1.0.dist-info/METADATA": text.encode()}
