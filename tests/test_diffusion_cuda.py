"""What only a GPU can show: our kernels and recorded steps against PyTorch's own calls. Skipped where there is none."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from voxpress.generation.backends.diffusion.fast.folded_upsample import FoldedConv
from voxpress.generation.backends.diffusion.fast.fused_norm import FusedNorm, add_biased
from voxpress.generation.backends.diffusion.fast.narrow_conv import NarrowConv
from voxpress.generation.backends.diffusion.fast.slots_apart import ApartConv, keep_slots_apart
from voxpress.generation.backends.diffusion.fast.step_graph import StepGraph

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
BF16, LAST = torch.bfloat16, torch.channels_last_3d


@pytest.fixture(autouse=True)
def inference():
    with torch.inference_mode():
        yield


def numbers(*shape, seed=0):
    drawn = torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).cuda().to(BF16)
    return drawn.contiguous(memory_format=LAST) if len(shape) == 5 else drawn


def assert_near(made, wanted, tolerance):
    assert torch.isfinite(made).all()
    assert float((made.float() - wanted).square().mean().sqrt()) <= tolerance * float(wanted.square().mean().sqrt())


def convolution(inner, outer, size=3):
    conv = nn.Conv3d(inner, outer, size, padding=size // 2)
    conv.weight.copy_(torch.randn(conv.weight.shape, generator=torch.Generator().manual_seed(5)) / (27 * inner) ** 0.5)
    conv.bias.copy_(torch.randn(outer, generator=torch.Generator().manual_seed(6)))
    return conv.cuda()


@pytest.mark.parametrize("silu", [True, False])
@pytest.mark.parametrize("shape", [(3, 64, 5, 6, 7), (2, 192, 17, 9, 11), (2, 128, 40, 56, 40), (1, 1280, 4, 3, 5)])
def test_norm(shape, silu) -> None:
    norm = nn.GroupNorm(32, shape[1], eps=1e-6).cuda()
    norm.weight.copy_(numbers(shape[1], seed=1))
    norm.bias.copy_(numbers(shape[1], seed=2))
    x, added = 3 * numbers(*shape) + 10, numbers(*shape[:2], seed=3)
    fused = FusedNorm(norm, silu=silu)
    for each in (None, added, added[:1]):
        moved = x.float() if each is None else x.float() + each.float()[:, :, None, None, None]
        wanted = norm(moved)
        made = fused(x, each)
        assert made.is_contiguous(memory_format=LAST)
        assert_near(made, functional.silu(wanted) if silu else wanted, 4e-3)
        assert torch.equal(made, fused(x, each))


def test_sum() -> None:
    a, b, bias = numbers(2, 64, 5, 6, 7), numbers(2, 64, 5, 6, 7, seed=1), numbers(64, seed=2)
    assert_near(add_biased(a, b, bias), a.float() + b.float() + bias.float()[:, None, None, None], 4e-3)


@pytest.mark.parametrize(("inner", "outer"), [(64, 64), (128, 256), (192, 128), (512, 512)])
def test_folded_upsampling(inner, outer) -> None:
    conv = convolution(inner, outer)
    x = numbers(2, inner, 9, 10, 11)
    wanted = conv(functional.interpolate(x.float(), scale_factor=2.0, mode="nearest"))
    made = FoldedConv(conv).to(BF16).to(memory_format=LAST)(x)
    assert made.is_contiguous(memory_format=LAST)
    assert_near(made, wanted, 6e-3)


@pytest.mark.parametrize("outer", [1, 3])
def test_a_narrow_convolution(outer) -> None:
    conv = convolution(128, outer)
    x = numbers(2, 128, 9, 10, 11)
    made = NarrowConv(conv)(x)
    assert made.dtype == torch.float32
    assert_near(made, functional.conv3d(x.double(), conv.weight.double(), conv.bias.double(), padding=1).float(), 1e-5)


@pytest.mark.parametrize(("inner", "outer", "size"), [(64, 64, 3), (256, 256, 3), (768, 768, 3), (128, 64, 1)])
def test_slots_do_not_see_each_other(inner, outer, size) -> None:
    conv = convolution(inner, outer, size)
    x = numbers(16, inner, 5, 7, 5)
    wanted = conv(x.float())
    apart = ApartConv(conv.to(BF16))
    made = apart(x)
    assert_near(made, wanted, 6e-3)
    turned = x.flip(0).contiguous(memory_format=LAST)
    assert torch.equal(apart(turned), made.flip(0))


def test_convolutions_are_replaced_where_slots_differ() -> None:
    network = nn.Sequential(convolution(64, 64), convolution(64, 64)).to(BF16)
    x = numbers(4, 64, 5, 6, 7)
    count = keep_slots_apart(network, lambda: network(x))
    assert count == sum(isinstance(part, ApartConv) for part in network)
    made = network(x)
    assert torch.equal(network(x.flip(0).contiguous(memory_format=LAST)), made.flip(0))


def test_a_recorded_step_gives_the_same_bits() -> None:
    conv = convolution(64, 64).to(BF16)
    step = StepGraph(lambda x, time: conv(x) * time)
    for seed in (1, 2):
        for time in (0.5, 2.0):
            x, when = numbers(2, 64, 5, 6, 7, seed=seed), torch.full((), time, device="cuda")
            assert torch.equal(step(x, when), conv(x) * when)
