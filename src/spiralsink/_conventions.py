"""What a user may have to say about a network that something else wrote: one table for Python and the command line."""

import dataclasses
from types import MappingProxyType


@dataclasses.dataclass(frozen=True)
class Convention:
    """One thing that arrays of weights do not say, or do not always.

    Attributes:
        words: What it is, for a list of options.
        choices: What can be said, or () for names and numbers.
        of: Which networks it belongs to: "cells" (RNN, GRU, LSTM), "diagonal" (LRU, S4D, S5) or "any".
        shown: What stands for a value that is no choice; "" for a whole number.
    """

    words: str
    choices: tuple[str, ...] = ()
    of: str = "any"
    shown: str = ""


CONVENTIONS = MappingProxyType(
    {
        "kind": Convention(
            "Which kind of network, where there are several.", ("rnn", "gru", "lstm", "lru", "s4d", "s5")
        ),
        "prefix": Convention("Which of several recurrent layers: the beginning of its names.", shown="NAME"),
        "head": Convention("The linear layer that reads the states, such as fc; none for no readout.", shown="NAME"),
        "readout": Convention("What follows the head; linear by default.", ("linear", "relu")),
        "nonlinearity": Convention(
            "Of an RNN, whose weights do not tell it: must be given.", ("tanh", "relu", "linear"), of="cells"
        ),
        "reset": Convention("Of a GRU: the reset gate after or before the matrix.", ("after", "before"), of="cells"),
        "update": Convention("Of a GRU: what the update gate multiplies.", ("old", "new"), of="cells"),
        "gates": Convention("Order of the gates in the rows, such as r,z,n or i,f,g,o.", of="cells", shown="ORDER"),
        "layer": Convention("One layer of several; all of them by default.", of="cells"),
        "direction": Convention("Of a bidirectional network.", ("forward", "backward"), of="cells"),
        "conjugates": Convention(
            "Of LRU, S4D, S5: all poles are stored, or half of each pair.", ("stored", "implied"), of="diagonal"
        ),
        "discretization": Convention(
            "Of S4D and S5; zoh by default.", ("zoh", "bilinear", "euler", "mamba"), of="diagonal"
        ),
    }
)


def names_of(kind: str) -> tuple[str, ...]:
    """The names of what belongs to "cells" or "diagonal" layers alone."""
    return tuple(name for name, each in CONVENTIONS.items() if each.of == kind)
