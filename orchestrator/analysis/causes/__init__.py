"""The causes of differences, one module a layer of the wheel; `catalogue` lists them all."""
