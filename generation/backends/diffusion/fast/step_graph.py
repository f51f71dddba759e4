"""One prediction of the network recorded as a CUDA graph and replayed at every step.

A step is over a thousand launches of kernels, which take the CPU longer than the device needs for a small batch, and
longer still while other threads pack what was made. A graph is one launch. It computes with the same kernels on the
same shapes, so it gives the same bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["StepGraph"]

_WARM_UP = 2


class StepGraph:
    """A function of tensors, always of the same shapes.

    Args:
        function: recorded when it is first called; it must not wait for the device.
    """

    def __init__(self, function: Callable[..., torch.Tensor]) -> None:
        self._function = function
        self._inputs: list[torch.Tensor] = []
        self._output: torch.Tensor | None = None
        self._graph: Any = None

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        """What the function gives, in memory of its own."""
        if self._graph is None:
            self._record(inputs)
        for held, new in zip(self._inputs, inputs, strict=True):
            held.copy_(new)
        self._graph.replay()
        assert self._output is not None
        return self._output.clone()

    def _record(self, inputs: tuple[torch.Tensor, ...]) -> None:
        self._inputs = [each.clone() for each in inputs]
        cuda: Any = torch.cuda
        stream = cuda.Stream(inputs[0].device)
        stream.wait_stream(cuda.current_stream(inputs[0].device))
        with cuda.stream(stream):
            # kernels are compiled and handles made before anything is recorded
            for _ in range(_WARM_UP):
                self._function(*self._inputs)
        cuda.current_stream(inputs[0].device).wait_stream(stream)
        graph = cuda.CUDAGraph()
        # other threads go on with work of their own on the device
        with cuda.graph(graph, capture_error_mode="thread_local"):
            self._output = self._function(*self._inputs)
        self._graph = graph
