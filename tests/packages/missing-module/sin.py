"""Imports what it does not require."""


def commit():
    import a_module_that_nobody_has

    return {"sin/__init__.py": a_module_that_nobody_has}
