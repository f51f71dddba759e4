"""Each optimisation of the fast path against the plain network of MONAI, and all of them together."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import tiny_diffusion as tiny
import torch
from monai.networks.blocks import CrossAttentionBlock
from torch import nn
from torch.nn import functional

from voxpress.generation.backends.diffusion.fast import make_fast
from voxpress.generation.backends.diffusion.fast.decoding import decode, needs_windows
from voxpress.generation.backends.diffusion.fast.folded_upsample import (
    FoldedConv,
    FoldedUpsample,
    enlarged,
    fold_upsampling,
)
from voxpress.generation.backends.diffusion.fast.fused_norm import FusedNorm, add_biased, fuse_norms
from voxpress.generation.backends.diffusion.fast.host_ring import HostRing
from voxpress.generation.backends.diffusion.fast.low_precision import to_precision
from voxpress.generation.backends.diffusion.fast.narrow_conv import NarrowConv
from voxpress.generation.backends.diffusion.fast.one_token_attention import (
    OneTokenAttention,
    held_context,
    use_one_token,
)
from voxpress.generation.backends.diffusion.fast.quantise import STEPS, from_lattice, to_lattice
from voxpress.generation.backends.diffusion.fast.slots_apart import ApartConv, keep_slots_apart
from voxpress.generation.backends.diffusion.fast.tokens import use_tokens
from voxpress.generation.backends.diffusion.fast.trilinear import TrilinearUpsample, use_one_kernel
from voxpress.generation.backends.diffusion.model_card import DecodingCard, ImageCard

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def inference():
    with torch.inference_mode():
        yield


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def unet_of(family, **arguments):
    card = tiny.networks_of(family).unet
    return tiny.loaded(card.model_copy(update={"arguments": card.arguments | arguments}))


def predicted(unet, family):
    times = torch.tensor([500.0, 20.0])
    if family == "ldm":
        return unet(numbers(2, 6, 8, 8, 8), timesteps=times, context=numbers(2, 1, 4, seed=1))
    spacing = torch.tensor([[136.0, 94.0, 94.0]] * 2)
    return unet(numbers(2, 2, 8, 8, 8), timesteps=times, spacing_tensor=spacing, class_labels=torch.tensor([9, 0]))


def decoded(family, change=lambda _: None):
    autoencoder = tiny.loaded(tiny.networks_of(family).autoencoder, seed=1)
    change(autoencoder)
    return autoencoder.decode(numbers(2, 2, 6, 7, 8, seed=2))


def assert_near(made, wanted, tolerance=2e-6):
    assert float(wanted.std()) > 0.01  # it is not the constant of a network that begins at 0
    assert float((made - wanted).abs().max()) <= tolerance * float(wanted.abs().max())


# --- one by one


def test_attention_to_one_token() -> None:
    wanted = predicted(unet_of("ldm"), "ldm")
    changed = unet_of("ldm")
    attentions = sum(type(module).__name__ == "CrossAttentionBlock" for module in changed.modules())
    assert use_one_token(changed) == attentions > 0
    assert_near(predicted(changed, "ldm"), wanted)
    with held_context(changed, numbers(2, 1, 4, seed=1)):
        assert_near(predicted(changed, "ldm"), wanted)
        assert all(module.held is not None for module in changed.modules() if isinstance(module, OneTokenAttention))
    assert all(module.held is None for module in changed.modules() if isinstance(module, OneTokenAttention))


@pytest.mark.parametrize("slots", [2, 3])
def test_what_is_held_does_not_depend_on_the_slot(slots) -> None:
    """With a context of six numbers, rows of a product round by their place."""
    block = CrossAttentionBlock(hidden_size=16, num_heads=1, context_input_size=6)
    block.to_v.weight.copy_(numbers(*block.to_v.weight.shape))
    attention = OneTokenAttention(block)
    network = nn.Sequential(attention)
    with held_context(network, numbers(1, 1, 6, seed=4).repeat(slots, 1, 1)):
        assert attention.held.shape == (slots, 1, 16)
        assert all(torch.equal(row, attention.held[0]) for row in attention.held)


def test_attention_on_tokens_as_they_lie() -> None:
    wanted = predicted(unet_of("ldm"), "ldm")
    changed = unet_of("ldm")
    attentions = sum(type(module).__name__ == "SpatialTransformer" for module in changed.modules())
    assert use_tokens(changed) == attentions > 0
    assert_near(predicted(changed, "ldm"), wanted)
    changed.to(memory_format=torch.channels_last_3d)
    assert_near(predicted(changed, "ldm"), wanted)


def test_more_tokens_than_one_are_refused() -> None:
    changed = unet_of("ldm")
    use_one_token(changed)
    with pytest.raises(ValueError, match="must be one token, got 2"):
        changed(numbers(1, 6, 8, 8, 8), timesteps=torch.tensor([1.0]), context=numbers(1, 2, 4))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
def test_upsampling_keeps_the_memory_format(layout) -> None:
    x = numbers(2, 3, 4, 5, 6).to(memory_format=layout)
    made = enlarged(x)
    assert made.is_contiguous(memory_format=layout)
    assert torch.equal(made, functional.interpolate(x, scale_factor=2.0, mode="nearest"))


@pytest.mark.parametrize("sides", [(1, 1, 1), (2, 3, 5), (4, 4, 4)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
def test_a_folded_convolution(sides, layout) -> None:
    conv = nn.Conv3d(3, 4, 3, padding=1)
    conv.weight.copy_(numbers(*conv.weight.shape))
    conv.bias.copy_(numbers(4))
    x = numbers(2, 3, *sides, seed=3)
    wanted = conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
    made = FoldedConv(conv)(x.to(memory_format=layout))
    assert sides == (1, 1, 1) or made.is_contiguous(memory_format=layout)  # a single point is both
    assert_near(made, wanted)


def test_what_cannot_be_folded_is_refused() -> None:
    for conv in (nn.Conv3d(2, 2, 3), nn.Conv3d(2, 2, 1), nn.Conv3d(2, 2, 3, padding=1, stride=2)):
        with pytest.raises(ValueError, match="only a 3³ convolution"):
            FoldedConv(conv)


@pytest.mark.parametrize("updown", [True, False])
@pytest.mark.parametrize("family", ["ldm", "nv-rflow"])
def test_folded_unets(family, updown) -> None:
    changed = unet_of(family, resblock_updown=updown)
    wanted = predicted(changed, family)
    assert fold_upsampling(changed) == 1
    assert_near(predicted(changed, family), wanted)


def test_a_folded_decoder() -> None:
    assert_near(decoded("ldm", fold_upsampling), decoded("ldm"))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
def test_trilinear_upsampling(layout) -> None:
    x = numbers(2, 3, 4, 5, 6).to(memory_format=layout)
    made = TrilinearUpsample(nn.Identity())(x)
    assert made.is_contiguous(memory_format=layout)
    assert torch.equal(made, functional.interpolate(x, scale_factor=2.0, mode="trilinear"))


def test_every_trilinear_upsampling_is_one_kernel() -> None:
    assert use_one_kernel(tiny.loaded(tiny.networks_of("nv-rflow").autoencoder)) == 1
    assert_near(decoded("nv-rflow", use_one_kernel), decoded("nv-rflow"))


def test_trilinear_upsampling_is_not_folded() -> None:
    autoencoder = tiny.loaded(tiny.networks_of("nv-rflow").autoencoder)
    assert fold_upsampling(autoencoder) == 0
    assert not any(isinstance(module, FoldedUpsample) for module in autoencoder.modules())


@pytest.mark.parametrize("family", ["ldm", "nv-rflow"])
def test_fused_norms(family) -> None:
    changed = unet_of(family)
    wanted = predicted(changed, family)
    fuse_norms(changed)
    assert sum(isinstance(module, FusedNorm) and module.silu for module in changed.modules()) == 21
    assert not any(isinstance(module, nn.GroupNorm) for module in changed.modules())
    assert not any(isinstance(module, nn.SiLU) for module in changed.out)
    assert_near(predicted(changed, family), wanted)
    assert_near(decoded(family, fuse_norms), decoded(family))


@pytest.mark.parametrize("silu", [True, False])
def test_what_is_added_inside_a_norm(silu) -> None:
    x, added = numbers(2, 8, 5, 6, 7) * 3 + 1, numbers(2, 8, seed=2)
    norm = nn.GroupNorm(4, 8, eps=1e-6)
    norm.weight.copy_(numbers(8))
    norm.bias.copy_(numbers(8, seed=1))
    fused = FusedNorm(norm, silu=silu)
    for each in (added, added[:1]):
        wanted = norm(x + each[:, :, None, None, None])
        assert_near(fused(x, each), functional.silu(wanted) if silu else wanted)
    assert_near(fused(x), functional.silu(norm(x)) if silu else norm(x))


def test_a_sum_with_a_bias() -> None:
    a, b, bias = numbers(2, 8, 3, 4, 5), numbers(2, 8, 3, 4, 5, seed=1), numbers(8, seed=2)
    assert_near(add_biased(a, b, bias), a + b + bias[:, None, None, None])


@pytest.mark.parametrize("family", ["ldm", "nv-rflow"])
def test_low_precision(family) -> None:
    changed = unet_of(family)
    wanted = predicted(changed, family)
    if family == "ldm":
        use_one_token(changed)
    fuse_norms(changed)
    to_precision(changed, "bf16")
    made = predicted(changed, family)
    assert made.dtype == torch.float32
    assert_near(made, wanted, 0.05)
    weights = {name: parameter.dtype for name, parameter in changed.named_parameters()}
    halves = [name for name, dtype in weights.items() if dtype == torch.bfloat16]
    assert len(halves) > len(weights) / 2
    assert not any(name.startswith(("conv_in.", "time_embed.", "out.2.")) for name in halves)
    big = max((p for p in changed.parameters() if p.ndim == 5 and p.dtype == torch.bfloat16), key=torch.numel)
    assert big.is_contiguous(memory_format=torch.channels_last_3d)


def low_decoder(autoencoder):
    fuse_norms(autoencoder)
    to_precision(autoencoder, "bf16")
    assert isinstance(autoencoder.decoder.blocks[-1], NarrowConv)


@pytest.mark.parametrize("family", ["ldm", "nv-rflow"])
def test_a_low_precision_decoder_gives_more_than_its_eight_bits(family) -> None:
    made = decoded(family, low_decoder)
    assert_near(made, decoded(family), 0.05)
    assert not torch.equal(made, made.bfloat16().float())


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 2e-6), ("bf16", 0.05)])
@pytest.mark.parametrize("family", ["ldm", "nv-rflow"])
def test_all_together(family, precision, tolerance) -> None:
    networks = tiny.networks_of(family)
    unet, autoencoder = tiny.loaded(networks.unet), tiny.loaded(networks.autoencoder, seed=1)
    wanted = predicted(copy.deepcopy(unet), family)
    make_fast(unet, autoencoder, precision=precision, one_token=family == "ldm")
    assert_near(predicted(unet, family), wanted, tolerance)
    assert_near(autoencoder.decode(numbers(2, 2, 6, 7, 8, seed=2)), decoded(family), tolerance)


class Seeing(nn.Conv3d):
    """A convolution that adds something in all slots but the first, as cuDNN does for some shapes."""

    def forward(self, x):
        made = super().forward(x)
        made[1:] += 1e-3
        return made


def test_convolutions_whose_slots_differ_are_done_slot_by_slot() -> None:
    network = nn.Sequential(nn.Conv3d(2, 3, 3, padding=1), Seeing(3, 4, 3, padding=1), nn.Conv3d(4, 2, 1))
    x = numbers(4, 2, 5, 6, 7)
    wanted = torch.cat([network(slot[None]) for slot in x])
    assert not torch.equal(network(x), wanted)
    assert keep_slots_apart(network, lambda: network(x)) == 1
    assert [isinstance(part, ApartConv) for part in network] == [False, True, False]
    assert_near(network(x), wanted)
    assert torch.equal(network[1](x[:, [0, 1, 0]]), torch.cat([network[1](x[i : i + 1, [0, 1, 0]]) for i in range(4)]))


def test_the_last_convolution_is_float32() -> None:
    conv = nn.Conv3d(8, 2, 3, padding=1)
    made = NarrowConv(nn.Sequential(conv))(numbers(2, 8, 4, 5, 6).bfloat16())
    assert made.dtype == torch.float32
    assert torch.equal(made, conv(numbers(2, 8, 4, 5, 6).bfloat16().float()))
    with pytest.raises(ValueError, match="only a 3³ convolution"):
        NarrowConv(nn.Conv3d(8, 2, 1))


# --- decoding, rounding, copying


class Nearest:
    """A decoder that sees one point at a time, so that windows cannot change it."""

    def decode(self, z):
        self.largest = max(getattr(self, "largest", 0), *z.shape[2:])
        return functional.interpolate(z.sum(1, keepdim=True), scale_factor=2.0, mode="nearest")


def test_windows_of_a_pointwise_decoder_are_the_whole() -> None:
    latents = numbers(2, 3, 12, 9, 5)
    card = DecodingCard(window=6, overlap=0.4)
    autoencoder = Nearest()
    assert_near(decode(autoencoder, latents, card), Nearest().decode(latents), 1e-5)
    assert autoencoder.largest == 6


@pytest.mark.parametrize(
    ("window", "sides", "wanted"),
    [(80, (64, 64, 32), False), (80, (80, 80, 80), False), (80, (128, 128, 32), True), (None, (999, 999, 999), False)],
)
def test_windows_are_used_where_nv_generate_does(window, sides, wanted) -> None:
    assert needs_windows(DecodingCard(window=window), sides) is wanted


HU = ImageCard(minimum=-1000, maximum=1000, background=-1000, floor=-980, unit="HU", decoded=(-1000, 1000))


def ball(inside, outside):
    grid = torch.stack(torch.meshgrid(*[torch.arange(20.0)] * 3, indexing="ij")) - 9.5
    return torch.where(grid.norm(dim=0) < 7, torch.as_tensor(inside), torch.as_tensor(outside))[None, None]


def test_background_is_exactly_the_minimum() -> None:
    noise = 0.002 * numbers(20, 20, 20).abs()
    steps, finite = to_lattice(ball(0.5 + noise, noise), HU, (False, False, False))
    assert steps.dtype == torch.int16
    assert finite.tolist() == [True]
    image = from_lattice(steps[0].numpy(), HU)
    assert image.dtype == np.float32
    assert image.flags.c_contiguous
    assert (image[0] == -1000).all()
    assert image[10, 10, 10] == pytest.approx(0, abs=25)
    # the surface is part of the body, the noise around it is not
    assert np.array_equal(image > -1000, ball(1, 0)[0, 0].numpy() > 0)


def test_dark_voxels_of_the_body_stay_and_bright_ones_outside_go() -> None:
    volume = ball(0.5, 0.0)
    volume[0, 0, 10, 10, 10] = 0.001
    volume[0, 0, 1, 1, 1] = 0.05
    image = from_lattice(to_lattice(volume, HU, (False, False, False))[0][0].numpy(), HU)
    assert image[10, 10, 10] == pytest.approx(-998, abs=0.1)
    assert image[1, 1, 1] == -1000


def test_values_beyond_the_range_are_clipped_and_the_lattice_is_fine() -> None:
    card = ImageCard(minimum=0, maximum=1, background=0, floor=0)
    values = torch.linspace(-0.5, 1.5, 4096).reshape(1, 1, 16, 16, 16)
    image = from_lattice(to_lattice(values, card, (False, False, False))[0][0].numpy(), card)
    assert (image.min(), image.max()) == (0, 1)
    assert np.abs(image.ravel() - values.numpy().ravel().clip(0, 1)).max() <= 0.5 / STEPS + 1e-7


def test_axes_are_reversed_as_the_card_says() -> None:
    card = ImageCard(minimum=0, maximum=1, background=0, floor=0)
    values = torch.rand(1, 1, 5, 6, 7, generator=torch.Generator().manual_seed(0))
    plain = to_lattice(values, card, (False, False, False))[0]
    assert torch.equal(to_lattice(values, card, (True, False, True))[0], plain.flip(1, 3))


def test_what_is_not_finite_is_told_of_its_sample() -> None:
    values = torch.full((3, 1, 6, 6, 6), 0.5)
    values[1, 0, 2, 2, 2] = torch.nan
    values[2, 0, 0, 0, 0] = torch.inf
    assert to_lattice(values, HU, (False, False, False))[1].tolist() == [True, False, False]


def test_the_ring_gives_batches_in_their_order() -> None:
    ring = HostRing(2, (1, 2), CPU)
    received = []
    for number in range(5):
        if ring.full:
            received.append(ring.receive())
        ring.send(torch.full((1, 2), number, dtype=torch.int16), torch.tensor([number != 3]))
    assert len(ring) == 2
    received += [ring.receive(), ring.receive()]
    assert [int(batch[0, 0]) for batch, _ in received] == [0, 1, 2, 3, 4]
    assert [finite for _, finite in received] == [[True], [True], [True], [False], [True]]
