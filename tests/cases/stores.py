"""Stores of made-up blocks: the files of a sweep without its training."""

import msgspec
import numpy as np

import spiralsink as sk
from spiralsink._tensors import describe_network
from spiralsink.data import BlockHeader, block_file, encode_block
from spiralsink.training import Variable

DIMS = {
    "projections": ("network", "lag", "output", "feature"),
    "eigenvalue_real": ("network", "mode"),
    "history_loss": ("network", "record"),
    "history_terms": ("network", "record", "term"),
}


def block_content(coordinates, seeds, *, lags=5, records=3, modes=2, terms=True, axes=None, source=0):
    """Name and bytes of a block of random numbers; `lags`, `records` and `modes` are the sizes of its arrays."""
    rng = np.random.default_rng([source, *seeds])
    count = len(seeds)
    networks = sk.RecurrentNetwork(
        np.ones((count, modes, 1), np.float32), np.tile(np.eye(modes, dtype=np.float32), (count, 1, 1)), sk.Tied(1)
    )
    sizes = {"lag": lags, "output": 1, "feature": 1, "mode": modes, "record": records, "term": 4}
    loss = rng.random(count)
    variables = {
        "loss": Variable(("network",), loss),
        "status": Variable(("network",), np.where(loss > 0.9, "dead", "converged").astype(object)),
        "regime": Variable(("network",), np.where(loss > 0.5, "sparse", "").astype(object)),
        "eigenangle_span": Variable(("network",), 360 * rng.random(count)),
    }
    for name, dims in DIMS.items():
        if name != "history_terms" or terms:
            variables[name] = Variable(dims, rng.random((count, *(sizes[dim] for dim in dims[1:]))))
    variables["step"] = Variable(("record",), 10 * np.arange(records))
    spec = {"process": {"p": coordinates.get("process.p", 0.5)}}
    key = f"block{source}of{len(seeds)}from{seeds[0]}"
    header = BlockHeader(
        format=1,
        kind="block",
        key=key,
        engine_version=1,
        network=msgspec.to_builtins(describe_network(networks)),
        spec=spec,
        coordinates=coordinates,
        axes=[[field] for field in coordinates] if axes is None else axes,
        seeds=list(seeds),
        environment={},
        dims={name: list(variable.dims) for name, variable in variables.items()},
    )
    content = encode_block(header, networks, variables)
    return block_file(key, content), content


def write_store(place, blocks):
    """Writes blocks, each a dictionary of the arguments of `block_content`."""
    (place / "blocks").mkdir(parents=True)
    for source, arguments in enumerate(blocks):
        name, content = block_content(**{"source": source, **arguments})
        (place / "blocks" / name).write_bytes(content)
    return place


def large_store(place, n_blocks=400, n_networks=256, **sizes):
    """A store like that of a large sweep: `n_blocks` points, `n_networks` seeds each."""
    p = np.geomspace(0.02, 1.0, n_blocks).tolist()
    return write_store(place, [{"coordinates": {"process.p": each}, "seeds": range(n_networks), **sizes} for each in p])
