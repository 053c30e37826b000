"""One summand of the memory of a rank, with its formula and the numbers put in."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

Factor: TypeAlias = tuple[str, int]  # symbol, or "" for a plain number


@dataclass(frozen=True, kw_only=True)
class Term:
    """A product of counts and bytes a value."""

    name: str
    factors: tuple[Factor, ...]

    @property
    def num_bytes(self) -> int:
        """The product."""
        return prod(value for _, value in self.factors)

    @property
    def formula(self) -> str:
        """`2 R D b`."""
        return " ".join(symbol or str(value) for symbol, value in self.factors)

    @property
    def numbers(self) -> str:
        """`2 x 770 x 256 x 4`."""
        return " x ".join(f"{value:,}" for _, value in self.factors)

    def times(self, symbol: str, count: int) -> "Term":
        """The same term, so many times."""
        return Term(name=self.name, factors=((symbol, count), *self.factors))


def term(name: str, *factors: Factor | int) -> Term:
    """A term; a bare number stands for itself."""
    pairs = [("", factor) if isinstance(factor, int) else factor for factor in factors]
    return Term(name=name, factors=tuple(pairs))


def total(terms: Iterable[Term]) -> int:
    """Bytes of them all."""
    return sum(each.num_bytes for each in terms)
