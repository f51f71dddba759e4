"""Kernels for CUDA in Triton, which comes with PyTorch for CUDA; imported only where a GPU is.

All take channels-last volumes, `(B, C, x, y, z)` whose memory is `(B, x, y, z, C)`. Each output number is summed in an
order that depends on nothing but the shape of one sample: no atomic additions, no splitting of sums, nothing chosen by
timing. That is what makes a sample independent of its slot, of its neighbours and of the run.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl

__all__ = ["add_biased", "conv3d", "group_norm", "narrow_conv3d"]

_MOST_PARTS = 1024
_TILE = 4096
_LONG = 2**31


def group_norm(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor,
    groups: int,
    eps: float,
    added: torch.Tensor | None,
    *,
    silu: bool,
) -> torch.Tensor:
    """GroupNorm of ``x + added``, and SiLU, in two passes over memory; see `fused_norm.FusedNorm`."""
    batch, channels = x.shape[:2]
    points = x[0, 0].numel()
    block_c = min(channels & -channels, 128)
    block_r = max(1, _TILE // block_c)
    rows = max(256, block_r, triton.next_power_of_2(triton.cdiv(points, _MOST_PARTS)))
    parts = triton.cdiv(points, rows)
    sums = torch.empty((batch, parts, 2, channels), dtype=torch.float32, device=x.device)
    line = torch.empty((batch, 2, channels), dtype=torch.float32, device=x.device)
    made = torch.empty_like(x)
    _sums[(parts, channels // block_c, batch)](x, sums, points, channels, rows, block_r, block_c)
    each = channels // groups
    _line[(groups, batch)](
        x, sums, weight, bias, line if added is None else added, line, points, parts, eps, channels, each,
        0 if added is None or added.shape[0] == 1 else channels, added is not None,
        triton.next_power_of_2(each), triton.next_power_of_2(parts),
    )  # fmt: skip
    _apply[(triton.cdiv(points, block_r), channels // block_c, batch)](
        x, line, made, points, channels, silu, block_r, block_c
    )
    return made


@triton.jit
def _sums(x, sums, points, channels, ROWS: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr):
    """Sums and sums of squares of a part of the points, of each channel, less its first value so that none is large."""
    part, batch = tl.program_id(0), tl.program_id(2)
    c = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    first = x + batch.to(tl.int64) * points * channels
    shift = tl.load(first + c).to(tl.float32)[None, :]
    start = first + (part * ROWS).to(tl.int64) * channels
    total = tl.zeros((BLOCK_R, BLOCK_C), tl.float32)
    squares = tl.zeros((BLOCK_R, BLOCK_C), tl.float32)
    for row in range(0, ROWS, BLOCK_R):
        r = row + tl.arange(0, BLOCK_R)
        there = (part * ROWS + r < points)[:, None]
        value = tl.load(start + r[:, None] * channels + c[None, :], mask=there, other=0.0).to(tl.float32) - shift
        value = tl.where(there, value, 0.0)
        total += value
        squares += value * value
    out = sums + (batch * tl.num_programs(0) + part) * 2 * channels + c
    tl.store(out, tl.sum(total, 0))
    tl.store(out + channels, tl.sum(squares, 0))


@triton.jit
def _line(
    x, sums, weight, bias, added, line, points, parts, eps, channels, each, added_step,
    ADDED: tl.constexpr, EACH: tl.constexpr, PARTS: tl.constexpr,
):  # fmt: skip
    """Of one group: what each channel is multiplied by, and what is then added."""
    group, batch = tl.program_id(0), tl.program_id(1)
    i, p = tl.arange(0, EACH), tl.arange(0, PARTS)
    own = i < each
    c = group * each + i
    at = sums + ((batch * parts + p) * 2)[:, None] * channels + c[None, :]
    both = (p < parts)[:, None] & own[None, :]
    offset = tl.sum(tl.load(at, mask=both, other=0.0), 0) / points
    spread = tl.sum(tl.load(at + channels, mask=both, other=0.0), 0) / points - offset * offset
    shift = tl.load(x + batch.to(tl.int64) * points * channels + c, mask=own, other=0.0).to(tl.float32)
    more = shift * 0
    if ADDED:
        more = tl.load(added + batch * added_step + c, mask=own, other=0.0).to(tl.float32)
    means = tl.where(own, offset + shift + more, 0.0)
    mean = tl.sum(means, 0) / each
    variance = tl.sum(tl.where(own, spread + (means - mean) * (means - mean), 0.0), 0) / each
    scale = tl.load(weight + c, mask=own, other=0.0).to(tl.float32) / tl.sqrt(variance + eps)
    tl.store(line + batch * 2 * channels + c, scale, mask=own)
    rest = tl.load(bias + c, mask=own, other=0.0).to(tl.float32) + (more - mean) * scale
    tl.store(line + (batch * 2 + 1) * channels + c, rest, mask=own)


@triton.jit
def _apply(x, line, made, points, channels, SILU: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr):
    batch = tl.program_id(2)
    c = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    r = tl.program_id(0) * BLOCK_R + tl.arange(0, BLOCK_R)
    there = (r < points)[:, None]
    at = batch.to(tl.int64) * points * channels + r[:, None].to(tl.int64) * channels + c[None, :]
    scale = tl.load(line + batch * 2 * channels + c)[None, :]
    rest = tl.load(line + (batch * 2 + 1) * channels + c)[None, :]
    value = tl.load(x + at, mask=there, other=0.0).to(tl.float32) * scale + rest
    if SILU:
        value = value * tl.sigmoid(value)
    tl.store(made + at, value.to(made.dtype.element_ty), mask=there)


def add_biased(a: torch.Tensor, b: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """``a + b + bias``, rounded once; a and b of one shape, channels last."""
    made = torch.empty_like(a)
    count = a.numel()
    _add_biased[(triton.cdiv(count, _TILE),)](a, b, bias, made, count, a.shape[1], _TILE, num_warps=8)
    return made


@triton.jit
def _add_biased(a, b, bias, made, count, channels, BLOCK: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    there = at < count
    value = tl.load(a + at, mask=there).to(tl.float32) + tl.load(b + at, mask=there).to(tl.float32)
    value += tl.load(bias + at % channels, mask=there).to(tl.float32)
    tl.store(made + at, value.to(made.dtype.element_ty), mask=there)


def conv3d(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    made: torch.Tensor,
    kernel: tuple[int, int, int],
    before: tuple[int, int, int],
) -> None:
    """A convolution of stride 1 with zeros around, as one product of matrices that is never laid out in memory.

    Args:
        x: `(B, C, x, y, z)` bfloat16, channels last, C a multiple of 64.
        weight: `(taps · C, C')`, the last tap fastest; C' a multiple of 64.
        bias: `(C',)`.
        made: is filled; any view of a channels-last volume whose channels lie together.
        kernel: taps along each axis.
        before: zeros before the first voxel of each axis.
    """
    channels, sides, out = x.shape[1], x.shape[2:], made.shape[2:]
    count = made.shape[0] * out[0] * out[1] * out[2]
    wide = made.shape[1] % 256 == 0 and count >= 8192
    block_n = 256 if wide else 128 if made.shape[1] % 128 == 0 else 64
    block_m = 256 if block_n == 64 else 128
    step = made.stride()
    # 64-bit numbers of places cost a tenth of the speed
    long = max(x.numel(), step[0] * made.shape[0]) >= _LONG
    tiles = triton.cdiv(count, block_m) * (made.shape[1] // block_n)
    _conv[(tiles,)](
        x, weight, weight if bias is None else bias, made, count, *sides, *out, *before, step[0], *step[2:],
        channels, made.shape[1], bias is not None, long, kernel[1], kernel[2], kernel[0] * kernel[1] * kernel[2],
        block_m, block_n, 64, 8, num_warps=8, num_stages=3,
    )  # fmt: skip


@triton.jit
def _conv(
    x, weight, bias, made, count, sx, sy, sz, ox, oy, oz, bx, by, bz, step_b, step_x, step_y, step_z,
    channels, wanted, BIAS: tl.constexpr, LONG: tl.constexpr, TY: tl.constexpr, TZ: tl.constexpr, TAPS: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
):  # fmt: skip
    # tiles that use the same voxels run together, so that they are found in the cache
    tile, rows, columns = tl.program_id(0), tl.cdiv(count, BLOCK_M), wanted // BLOCK_N
    first = tile // (GROUP * columns) * GROUP
    size = tl.minimum(rows - first, GROUP)
    m = (first + tile % (GROUP * columns) % size) * BLOCK_M + tl.arange(0, BLOCK_M)
    n = tile % (GROUP * columns) // size * BLOCK_N + tl.arange(0, BLOCK_N)
    k = tl.arange(0, BLOCK_K)
    z, y, xx, b = m % oz, m // oz % oy, m // oz // oy % ox, m // oz // oy // ox
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    parts = channels // BLOCK_K
    for i in range(TAPS * parts):
        tap, start = i // parts, i % parts * BLOCK_K
        ix, iy, iz = xx + tap // (TY * TZ) - bx, y + tap // TZ % TY - by, z + tap % TZ - bz
        there = (m < count) & (ix >= 0) & (ix < sx) & (iy >= 0) & (iy < sy) & (iz >= 0) & (iz < sz)
        row = ((b * sx + ix) * sy + iy) * sz + iz
        if LONG:
            row = row.to(tl.int64)
        a = tl.load(x + row[:, None] * channels + (start + k)[None, :], mask=there[:, None], other=0.0)
        w = tl.load(weight + (tap * channels + start + k)[:, None] * wanted + n[None, :])
        total = tl.dot(a, w, total)
    if BIAS:
        total += tl.load(bias + n).to(tl.float32)[None, :]
    if LONG:
        b = b.to(tl.int64)
    at = b * step_b + xx * step_x + y * step_y + z * step_z
    tl.store(made + at[:, None] + n[None, :], total.to(made.dtype.element_ty), mask=(m < count)[:, None])


def narrow_conv3d(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """A 3³ convolution, padded by 1, to few channels, in float32 without a copy of the input in float32.

    Args:
        x: `(B, C, x, y, z)`, channels last, C a multiple of 64.
        weight: `(27, C', C)` float32.
        bias: `(C',)` float32.

    Returns:
        `(B, C', x, y, z)` float32, contiguous.
    """
    made = torch.empty((x.shape[0], weight.shape[1], *x.shape[2:]), dtype=torch.float32, device=x.device)
    points = x[0, 0].numel()
    grid: Any = (triton.cdiv(points, 64), weight.shape[1], x.shape[0])
    _narrow[grid](x, weight, bias, made, points, *x.shape[2:], x.shape[1], weight.shape[1], 64, 64)
    return made


@triton.jit
def _narrow(
    x, weight, bias, made, points, sx, sy, sz, channels, wanted, BLOCK_M: tl.constexpr, BLOCK_K: tl.constexpr
):  # fmt: skip
    n, b = tl.program_id(1), tl.program_id(2)
    m = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    k = tl.arange(0, BLOCK_K)
    z, y, xx = m % sz, m // sz % sy, m // sz // sy
    total = tl.zeros((BLOCK_M, BLOCK_K), tl.float32)
    first = x + b.to(tl.int64) * points * channels
    for start in range(0, channels, BLOCK_K):
        for tap in range(27):
            ix, iy, iz = xx + tap // 9 - 1, y + tap // 3 % 3 - 1, z + tap % 3 - 1
            there = (m < points) & (ix >= 0) & (ix < sx) & (iy >= 0) & (iy < sy) & (iz >= 0) & (iz < sz)
            row = ((ix * sy + iy) * sz + iz).to(tl.int64)
            value = tl.load(first + row[:, None] * channels + (start + k)[None, :], mask=there[:, None], other=0.0)
            total += value.to(tl.float32) * tl.load(weight + (tap * wanted + n) * channels + start + k)[None, :]
    value = tl.sum(total, 1) + tl.load(bias + n)
    tl.store(made + (b * wanted + n).to(tl.int64) * points + m, value, mask=m < points)
