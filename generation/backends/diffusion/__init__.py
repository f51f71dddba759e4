"""Latent diffusion backends: `ldm`, `nv-rflow` and `trained`. Weights come at run time; see ``docs/diffusion.md``."""

from __future__ import annotations

from .backend import LdmBackend, NvRflowBackend, TrainedBackend

__all__ = ["LdmBackend", "NvRflowBackend", "TrainedBackend"]
