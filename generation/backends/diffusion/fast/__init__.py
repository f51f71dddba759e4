"""The fast path: each optimisation in a file of its own, each the same function as the plain network of MONAI.

`make_fast` applies them all, in place. What they change is rounding, never the function; tests hold each against the
plain network, and `self_test` holds all of them together, with the weights and on the device that are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .folded_upsample import fold_upsampling
from .fused_norm import fuse_norms
from .low_precision import to_precision
from .one_token_attention import use_one_token
from .tokens import use_tokens
from .trilinear import use_one_kernel

if TYPE_CHECKING:
    import torch

__all__ = ["make_fast"]


def make_fast(unet: torch.nn.Module, autoencoder: torch.nn.Module, *, precision: str, one_token: bool) -> None:
    """Applies every optimisation to both networks, in place.

    Args:
        unet: with float32 weights.
        autoencoder: the same.
        precision: `fp32` or `bf16`.
        one_token: the context of cross-attention is a single token.
    """
    if one_token:
        use_one_token(unet)
    use_tokens(unet)
    for network in (unet, autoencoder):
        # sums of weights are taken in float32, before anything is rounded
        fold_upsampling(network)
        use_one_kernel(network)
        fuse_norms(network)
        to_precision(network, precision)
