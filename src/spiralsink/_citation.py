"""What to cite: BibTeX for the paper, the software and exactly the methods that a result used."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from ._errors import InvalidInput, check_choice
from ._version import __version__

OWN = ("spiralsink", "temporal_superposition")

_ENTRIES = {
    "spiralsink": """\
@software{spiralsink,
  title = {spiralsink: temporal superposition and feature geometry of recurrent networks},
  author = {{The spiralsink developers}},
  version = {VERSION},
  year = {2026},
}""",
    "temporal_superposition": """\
@inproceedings{sharma2026temporal,
  title = {Temporal superposition and feature geometry of {RNN}s under memory demands},
  author = {Sharma, Pratyaksh and Proca, Alexandra Maria and Prieto, Lucas and Mediano, Pedro A. M.},
  booktitle = {International Conference on Learning Representations},
  year = {2026},
  url = {https://openreview.net/forum?id=7cMzTpbJHC},
}""",
    "superposition": """\
@article{elhage2022toy,
  title = {Toy Models of Superposition},
  author = {Elhage, Nelson and Hume, Tristan and Olsson, Catherine and Schiefer, Nicholas and Henighan, Tom and
            Kravec, Shauna and Hatfield-Dodds, Zac and Lasenby, Robert and Drain, Dawn and Chen, Carol and
            Grosse, Roger and McCandlish, Sam and Kaplan, Jared and Amodei, Dario and Wattenberg, Martin and
            Olah, Christopher},
  journal = {Transformer Circuits Thread},
  year = {2022},
  url = {https://transformer-circuits.pub/2022/toy_model/index.html},
}""",
    "spectral_superposition": """\
@article{ivanov2026spectral,
  title = {Spectral Superposition: A Theory of Feature Geometry},
  author = {Ivanov, Georgi and Oozeer, Narmeen and Raval, Shivam and Pejovic, Tasana and Upadhyay, Shriyash and
            Abdullah, Amir},
  journal = {arXiv preprint arXiv:2602.02224},
  year = {2026},
}""",
    "balancing": """\
@article{moore1981principal,
  title = {Principal component analysis in linear systems: Controllability, observability, and model reduction},
  author = {Moore, Bruce C.},
  journal = {IEEE Transactions on Automatic Control},
  volume = {26},
  number = {1},
  pages = {17--32},
  year = {1981},
  doi = {10.1109/TAC.1981.1102568},
}""",
    "memory_curve": """\
@techreport{jaeger2001short,
  title = {Short term memory in echo state networks},
  author = {Jaeger, Herbert},
  institution = {German National Research Center for Information Technology},
  type = {GMD Report},
  number = {152},
  year = {2001},
}""",
    "fisher_memory_curve": """\
@article{ganguli2008memory,
  title = {Memory traces in dynamical systems},
  author = {Ganguli, Surya and Huh, Dongsung and Sompolinsky, Haim},
  journal = {Proceedings of the National Academy of Sciences},
  volume = {105},
  number = {48},
  pages = {18970--18975},
  year = {2008},
  doi = {10.1073/pnas.0804451105},
}""",
    "adam": """\
@inproceedings{kingma2015adam,
  title = {Adam: A Method for Stochastic Optimization},
  author = {Kingma, Diederik P. and Ba, Jimmy},
  booktitle = {International Conference on Learning Representations},
  year = {2015},
}""",
    "cosine_schedule": """\
@inproceedings{loshchilov2017sgdr,
  title = {{SGDR}: Stochastic Gradient Descent with Warm Restarts},
  author = {Loshchilov, Ilya and Hutter, Frank},
  booktitle = {International Conference on Learning Representations},
  year = {2017},
}""",
    "bfgs": """\
@book{nocedal2006numerical,
  title = {Numerical Optimization},
  author = {Nocedal, Jorge and Wright, Stephen J.},
  edition = {2},
  publisher = {Springer},
  year = {2006},
}""",
    "wolfe_search": """\
@article{lewis2013nonsmooth,
  title = {Nonsmooth optimization via quasi-{Newton} methods},
  author = {Lewis, Adrian S. and Overton, Michael L.},
  journal = {Mathematical Programming},
  volume = {141},
  pages = {135--163},
  year = {2013},
  doi = {10.1007/s10107-012-0514-2},
}""",
    "pseudo_arclength": """\
@incollection{keller1977numerical,
  title = {Numerical solution of bifurcation and nonlinear eigenvalue problems},
  author = {Keller, Herbert B.},
  booktitle = {Applications of Bifurcation Theory},
  editor = {Rabinowitz, Paul H.},
  publisher = {Academic Press},
  pages = {359--384},
  year = {1977},
}""",
    "levenberg_marquardt": """\
@article{marquardt1963algorithm,
  title = {An Algorithm for Least-Squares Estimation of Nonlinear Parameters},
  author = {Marquardt, Donald W.},
  journal = {Journal of the Society for Industrial and Applied Mathematics},
  volume = {11},
  number = {2},
  pages = {431--441},
  year = {1963},
  doi = {10.1137/0111030},
}""",
    "saddle_free": """\
@inproceedings{dauphin2014identifying,
  title = {Identifying and attacking the saddle point problem in high-dimensional non-convex optimization},
  author = {Dauphin, Yann N. and Pascanu, Razvan and Gulcehre, Caglar and Cho, Kyunghyun and Ganguli, Surya and
            Bengio, Yoshua},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2014},
}""",
}


def cite(result: Any = None) -> str:
    """BibTeX for what you used.

    Without a result: the software and the paper whose theory it implements. With one: these and exactly the methods
    that the result, or anything it holds (its optimiser, its metrics), names in an attribute `citations`.

    Args:
        result: A result of this package, a strategy object such as an optimiser, or None. Objects of your own may
            have `citations` too: names of entries, or whole BibTeX entries.

    Raises:
        InvalidInput: If the object is not part of this package and has no `citations`.
    """
    ours = type(result).__module__.partition(".")[0] == __name__.partition(".")[0]
    if result is not None and not ours and not hasattr(result, "citations"):
        raise InvalidInput("result", result, "a result of spiralsink or an object with citations")
    names = dict.fromkeys([*OWN, *_cited(result)])
    return "\n\n".join(_entry(name) for name in names)


def _entry(name: str) -> str:
    if name.lstrip().startswith("@"):
        return name.strip()
    return _ENTRIES[check_choice("citations", name, _ENTRIES)].replace("VERSION", __version__)


def _cited(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        children: Any = value.values()
    elif isinstance(value, tuple | list):
        children = value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        children = [getattr(value, field.name) for field in dataclasses.fields(value)]
    else:
        children = ()
    yield from getattr(value, "citations", ())
    for child in children:
        yield from _cited(child)
