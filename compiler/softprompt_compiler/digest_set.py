"""A set of digests that takes 12 to 24 bytes a row: a Python set of them takes five times that."""

from array import array
from typing import final

_FIRST_SIZE = 1024  # a power of 2, as all sizes


@final
class DigestSet:
    """Digests of 64 bits. Those of different rows are taken to differ: of a million rows any two
    are alike with a probability of one in tens of millions.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * _FIRST_SIZE))  # open addressing; 0 is a free slot
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def __contains__(self, digest: bytes) -> bool:
        key = _key(digest)
        return self._slots[_slot(self._slots, key)] == key

    def add(self, digest: bytes) -> None:
        """Put a digest of 8 bytes in."""
        key = _key(digest)
        slot = _slot(self._slots, key)
        if self._slots[slot] != key:
            self._slots[slot] = key
            self._used += 1
            if 3 * self._used > 2 * len(self._slots):
                self._grow()

    def _grow(self) -> None:
        larger = array("Q", bytes(2 * 8 * len(self._slots)))
        for key in self._slots:
            if key:
                larger[_slot(larger, key)] = key
        self._slots = larger


def _key(digest: bytes) -> int:
    return int.from_bytes(digest, "little") or 1


def _slot(slots: "array[int]", key: int) -> int:
    """Where a key is, or would be put."""
    mask = len(slots) - 1
    slot = key & mask
    while slots[slot] not in (0, key):
        slot = (slot + 1) & mask
    return slot
