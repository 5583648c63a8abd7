"""What runs inside a container: standard library only, for any Python from 3.9 on."""
