"""Backends that come with voxpress; others register themselves, see `registry`."""
