"""Real processes on gloo for the tests: started once, given many pieces of work.

Starting torch takes seconds, so a test module keeps its processes (`Processes`) and sends them
functions by name; each rank runs the same function and its result comes back.
"""

import multiprocessing
import os
import socket
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self, final

_START_SECONDS = 180
_WORK_SECONDS = 300


@final
class Processes:
    """`size` processes that wait for work, each with torchrun's variables."""

    def __init__(self, size: int) -> None:
        context = multiprocessing.get_context("spawn")
        port = free_port()
        self._ends: list[Connection] = []
        self._processes: list[Any] = []
        for rank in range(size):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_serve, args=(theirs, _variables(rank, size, port)), daemon=True
            )
            process.start()
            theirs.close()
            self._ends.append(ours)
            self._processes.append(process)

    def run(self, work: Callable[..., Any], *arguments: Any) -> list[Any]:
        """What `work(*arguments)`, a function of a test module, gives on each rank.

        Raises AssertionError with the traceback of every rank that failed.
        """
        for end in self._ends:
            end.send((work, arguments))
        answers = [self._answer(rank) for rank in range(len(self._ends))]
        failed = [text for text, _ in answers if text is not None]
        assert not failed, "\n".join(failed)
        return [value for _, value in answers]

    def _answer(self, rank: int) -> tuple[str | None, Any]:
        try:
            if self._ends[rank].poll(_WORK_SECONDS):
                return self._ends[rank].recv()
        except EOFError:
            return f"rank {rank} died", None
        return f"rank {rank} gave no answer within {_WORK_SECONDS} s", None

    def close(self) -> None:
        """End them."""
        for end in self._ends:
            end.close()
        for process in self._processes:
            process.join(5)
            if process.is_alive():
                process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.close()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _variables(rank: int, size: int, port: int) -> dict[str, str]:
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(size),
        "LOCAL_WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
        "SOFTPROMPT_TIMEOUT": "60",
    }


def _serve(end: Connection, variables: dict[str, str]) -> None:
    os.environ.update(variables)
    import torch

    torch.set_num_threads(1)
    while True:
        try:
            work, arguments = end.recv()
        except EOFError:
            return
        try:
            end.send((None, work(*arguments)))
        except Exception:
            end.send((f"rank {variables['RANK']}:\n{traceback.format_exc()}", None))
