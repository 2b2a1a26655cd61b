"""torch.compile for an objective's networks: in place, so that tensors keep their names and checkpoints fit."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from core_vimo.errors import InputError


def compile_networks(objective: nn.Module) -> None:
    """Have the objective's children compiled when they are first called; raises InputError where torch can't at all.

    Rounding changes, and so do the numbers that dropout draws. A child of torch's own class, such as nn.Sequential,
    is left as it is.
    """
    try:
        for network in objective.children():
            network.compile()
    except RuntimeError as error:  # a version of Python that torch.compile doesn't know yet
        raise _refusal(error) from error


@contextmanager
def one_sentence_for_failed_compilation(compiled: bool) -> Iterator[None]:
    """What the compiler reports within turns into an InputError; nothing is imported where nothing is compiled."""
    if not compiled:
        yield
        return
    from torch._dynamo.exc import BackendCompilerFailed

    try:
        yield
    except BackendCompilerFailed as error:
        raise _refusal(error) from error


def _refusal(error: Exception) -> InputError:
    reason = str(error).strip().splitlines()[0].rstrip(".")
    return InputError(
        f"trainer.compile=true can't be done here ({reason:.200}); install a C++ compiler such as g++, or take "
        "trainer.compile=false"
    )
