"""Memory of batches that is used again."""

import threading

import numpy as np
import torch

from voxpress.loaders.buffers import Buffers

SHAPE = (2, 3, 4)
UINT8 = np.dtype(np.uint8)


def test_what_nobody_holds_is_used_again():
    buffers = Buffers()
    address = buffers.take(SHAPE, UINT8).data_ptr()
    assert buffers.take(SHAPE, UINT8).data_ptr() == address
    assert address % 64 == 0


def test_what_is_held_or_part_of_it_is_not():
    buffers = Buffers()
    held = buffers.take(SHAPE, UINT8)
    part = buffers.take(SHAPE, UINT8)[1]
    used = {held.data_ptr(), part.data_ptr() - 12}
    found = [buffers.take(SHAPE, UINT8) for _ in range(3)]
    assert len({one.data_ptr() for one in found} | used) == 5


def test_one_that_is_held_for_long_does_not_keep_the_others_from_use():
    buffers = Buffers()
    kept, *others = (buffers.take(SHAPE, UINT8) for _ in range(4))
    addresses = {one.data_ptr() for one in others}
    del others[:]
    seen = [buffers.take(SHAPE, UINT8).data_ptr() for _ in range(12)]
    assert set(seen) == addresses
    assert kept.data_ptr() not in seen


def test_each_size_has_its_own():
    buffers = Buffers()
    small = buffers.take(SHAPE, UINT8).data_ptr()
    large = buffers.take(SHAPE, np.dtype(np.float32))
    assert large.dtype == torch.float32
    assert large.data_ptr() != small
    assert buffers.take(SHAPE, UINT8).data_ptr() == small


def test_what_is_unused_beyond_the_limit_is_given_back():
    buffers = Buffers(most_bytes=40)
    many = [buffers.take(SHAPE, UINT8) for _ in range(3)]
    del many[:]
    # 72 bytes are unused, and one of another size is asked for
    buffers.take((5,), UINT8)
    assert sum(map(len, buffers._rings.values())) == 1


def test_threads_never_share_one():
    buffers = Buffers()
    wrong = []

    def work(value: int) -> None:
        for _ in range(500):
            mine = buffers.take(SHAPE, UINT8)
            mine.fill_(value)
            if not (mine == value).all():
                wrong.append(value)

    threads = [threading.Thread(target=work, args=(value,)) for value in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
