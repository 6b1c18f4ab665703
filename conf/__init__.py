"""Hydra configuration groups of the ``islet`` command, packaged as ``pkg://conf``."""
