"""A second build host on this machine: a virtual machine with another processor model, another kernel and an engine."""
