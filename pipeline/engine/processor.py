"""The contracts between the logic and what runs it.

    Problem
      Retry      not now: the runtime waits and hands the same batch in again; nothing is committed meanwhile
      Fatal      the worker stops and says why
      Poison     a record that broke its batch and was isolated (raised by no processor; the runtime tells with it)

A bad *event* is no exception here: the processor rejects it through the outbox and goes on.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from touchline.pipeline.engine.records import Batch, Outbox


class Problem(Exception):
    """The root of what logic and sinks raise to the runtime."""


class Retry(Problem):
    """Not now. `after` is the least wait in seconds; the runtime adds backoff and jitter."""

    def __init__(self, message: str, after: float = 1.0) -> None:
        super().__init__(message)
        self.after = after


class Fatal(Problem):
    """Going on would be wrong: the worker stops with this message."""


class Piece(Protocol):
    """A part of a shard's state that is kept in the changelog."""

    def load(self, key: bytes, value: bytes | None) -> None:
        """Takes in one changelog entry, in the order of the changelog; None deletes."""

    def changes(self) -> Iterable[tuple[bytes, bytes | None]]:
        """What changed since the last call; the runtime writes it in the batch's transaction."""


class State(Protocol):
    """All state of one shard."""

    @property
    def pieces(self) -> dict[str, Piece]:
        """The parts by a short name, which prefixes their keys in the changelog."""


S = TypeVar("S", bound=State)


class Processor(Protocol[S]):
    """The logic of one agent for one shard. It keeps nothing between calls except in `state`.

    The same batches give the same state and outputs, however they are split; a replay of a batch on the state after it
    adds nothing downstream, because outputs have ids that follow from their cause.
    """

    @property
    def inputs(self) -> Sequence[str]:
        """Logical topics; the first one is the main input. All have the same partition count."""

    def new_state(self) -> S:
        """Empty state."""

    def process(self, batch: Batch, state: S, out: Outbox) -> None:
        """Takes in a batch. An empty batch says that the wall clock has come to `batch.now`.

        Raises: Retry, Fatal."""


class WorkingProcessor(Processor[S], Protocol[S]):
    """A processor that may have more to do than it does in one batch. An empty batch tells it nothing of time, for some
    come while records are still to be read."""

    def has_work(self, state: S) -> bool:
        """Whether an empty batch would do some of it; each brings it nearer to its end."""


class FlushingProcessor(Processor[S], Protocol[S]):
    """A processor that writes to an idempotent store outside Kafka before its batch is committed."""

    async def flush(self, state: S) -> None:
        """Writes what `process` gathered in `state`; called after each `process`, before the commit.

        Returns once it is stored. Raises Retry to be called again with the same state, after a wait."""

    async def close(self) -> None:
        """Frees connections when the worker ends; nothing is called after it."""


class Effect(Protocol):
    """Something to do outside Kafka that can't be taken back."""

    @property
    def effect_id(self) -> str:
        """The same for the same effect."""


E = TypeVar("E", bound=Effect)
R = TypeVar("R")


class EffectProcessor(Processor[S], Protocol[S, E, R]):
    """A processor with effects. The attempt is committed in an earlier transaction than the effect, and its result in a
    later one, so that a crash between them is known, never repeated blindly."""

    def due(self, state: S) -> Sequence[E]:
        """The effects whose attempt is committed and that have not been settled; called after a commit. The same
        effect is the same object each time."""

    async def perform(self, effect: E) -> R:
        """Does it. Bounded in time; every failure is a result, not an exception."""

    def settle(self, results: Sequence[tuple[E, R]], now: int, state: S, out: Outbox) -> None:
        """Records how effects ended; committed in a transaction of its own."""

    def hold(self, state: S, *, on: bool) -> None:
        """While it is on, no attempt is recorded: the shard is about to be let go."""

    def recover(self, now: int, state: S, out: Outbox) -> None:
        """After a shard was opened: attempts without a result become unknown, or due again where that is safe."""

    async def close(self) -> None:
        """Frees connections when the worker ends; nothing is called after it."""
