"""One transformer block's numbers on one rank."""

from dataclasses import dataclass

from softprompt_compiler.memory.model_shape import ModelShape
from softprompt_compiler.memory.term import Factor


@dataclass(frozen=True, kw_only=True)
class BlockSizes:
    """One block's numbers on one rank. rooted: of `tokens`, in rows that continue nothing.

    wanted: tokens that the block's result is needed at. longest: queries and keys of the row that
    has most. residual_bytes, cast_values: under mixed precision with weights of 32 bits, bytes of a
    value of the residual stream, and weights and attention masks that are kept in 16 bits beside.
    """

    shape: ModelShape
    value_bytes: int
    tokens: int
    wanted: int
    rooted: int
    joined: int
    longest: tuple[int, int]
    tensor_parallel: int = 1
    residual_bytes: int | None = None
    cast_values: int = 0
    cast_masks: int = 0

    @property
    def w(self) -> Factor:
        """Bytes of a value of the residual stream: float32 under mixed precision."""
        return (
            ("b", self.value_bytes) if self.residual_bytes is None else ("w", self.residual_bytes)
        )

    @property
    def b(self) -> Factor:
        """Bytes of a value of the model's type."""
        return "b", self.value_bytes

    @property
    def r(self) -> Factor:
        """Tokens with gradients."""
        return "R", self.tokens

    @property
    def n(self) -> Factor:
        """Wanted tokens."""
        return ("R", self.tokens) if self.wanted == self.tokens else ("N", self.wanted)

    @property
    def j(self) -> Factor:
        """Gathered keys."""
        return "J", self.joined

    @property
    def d(self) -> Factor:
        """Width."""
        return "D", self.shape.width

    @property
    def h(self) -> Factor:
        """Heads of the rank."""
        return "H", self.shape.num_heads // self.tensor_parallel

    @property
    def g(self) -> Factor:
        """Key/value heads of the rank."""
        return "G", self.shape.num_kv_heads // self.tensor_parallel

    @property
    def e(self) -> Factor:
        """Width of a head."""
        return "E", self.shape.head_dim

    @property
    def m(self) -> Factor:
        """Width of the rank's MLP."""
        return "M", self.shape.mlp_width // self.tensor_parallel
