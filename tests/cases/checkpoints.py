"""Trainings that are written to a checkpoint; other processes that must do the same import them from here."""

import functools

import jax

import spiralsink as sk

KEY, COUNT, STEPS = jax.random.key(3), 6, 60
SAMPLED = sk.SampledLoss(8, 6, n_evaluation=300)
SETTLED = sk.StopWhenSettled(over=10, fall=0.3, check_every=10)
RATES = [80.0, 80.0, 80.0, 180.0, 0.01, 0.02]  # three networks diverge after 10 steps, the fourth after 20
CASES = {
    "native": {"objective": SAMPLED, "stopping": SETTLED},
    "batched": {"objective": SAMPLED, "stopping": SETTLED, "engine": sk.Batched()},
    "diverging": {"objective": SAMPLED, "optimizer": sk.Adam(RATES, "constant"), "engine": sk.Batched()},
    "penalised": {"objective": sk.Penalised(SAMPLED), "record": sk.Every(0), "stopping": SETTLED},
    "exact": {"objective": sk.ExpectedLoss(6)},
    "bfgs": {"objective": sk.ExpectedLoss(6), "optimizer": sk.BFGS()},
}


def start():
    return sk.RecurrentNetwork.init(KEY, stack=COUNT)


def train(case="native", **changes):
    about = {"task": sk.Delay(1), "process": sk.SparseProcess(1, 0.5), "networks": start()}
    about |= {"key": KEY, "steps": STEPS, "record": sk.Every(15)} | CASES[case] | changes
    return sk.fit(about.pop("networks"), about.pop("task"), about.pop("process"), **about)


whole = functools.cache(train)
