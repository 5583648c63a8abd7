"""The causes of differences, one module for each layer of the wheel; `catalogue` lists them all."""
