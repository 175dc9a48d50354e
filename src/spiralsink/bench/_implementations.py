"""The table of implementations. Their libraries are imported when they are asked for."""

import importlib.util
from typing import Any

from .._errors import MissingExtra
from ._cases import Case
from ._trainer import Absent, Trainer

OURS = "spiralsink"
ENGINES = ("spiralsink_unrolled", "spiralsink_batched")
STACKED = ("torch_einsum", "torch_bmm", "torch_scalars")
IMPLEMENTATIONS = {
    OURS: "fit, the engine chosen by itself",
    "spiralsink_unrolled": "fit, XLA with hidden units written out",
    "spiralsink_batched": "fit, XLA with batched matrix products",
    "torch_loop": "torch.nn.RNN, network after network",
    "torch_einsum": "torch, stacked: einsum",
    "torch_bmm": "torch, stacked: batched matrix products",
    "torch_scalars": "torch, stacked: hidden units written out",
    "jax_vmap": "jax.vmap of a scan, optax",
}


def make_trainer(name: str, case: Case, threads: int) -> Trainer:
    """The implementation of that name, ready to train.

    Raises:
        Absent: If it cannot do the case, or its library is not installed.
    """
    if name.startswith("torch"):
        return _torch(name.removeprefix("torch_"), case, threads)
    if name == "jax_vmap":
        from ._plain_jax import PlainJax

        return PlainJax(case)
    from ..training import Automatic, Batched, Unrolled
    from ._ours import Ours

    engines: dict[str, Any] = {"_unrolled": Unrolled(), "_batched": Batched(), "": Automatic()}
    return Ours(case, engines[name.removeprefix(OURS)])


def _torch(way: str, case: Case, threads: int) -> Trainer:
    if importlib.util.find_spec("torch") is None:
        raise Absent(str(MissingExtra("torch", "torch")))
    import torch

    from ._torch_loop import TorchLoop
    from ._torch_stacked import TorchStacked

    torch.set_num_threads(threads)
    return TorchLoop(case) if way == "loop" else TorchStacked(case, way)
