"""Latent diffusion backends: `ldm` and `nv-rflow`. Weights come at run time; see ``docs/diffusion.md``."""

from __future__ import annotations

from .backend import LdmBackend, NvRflowBackend

__all__ = ["LdmBackend", "NvRflowBackend"]
