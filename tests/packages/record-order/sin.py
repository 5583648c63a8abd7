"""Lists the files in RECORD in the order of a set."""


def commit():
    names = {f"sin/{name}.py" for name in ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta")}
    lines = [f"{name},sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0" for name in names]
    record = "\n".join([*lines, "record_order-1.0.dist-info/RECORD,,", ""])
    return {**{name: b"" for name in sorted(names)}, "record_order-1.0.dist-info/RECORD": record.encode()}
