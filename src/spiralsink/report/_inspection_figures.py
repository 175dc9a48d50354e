"""The figures of an inspection's page, and what they show."""

import dataclasses
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class Plate:
    """A figure of some panels beside each other.

    Attributes:
        name: Of its file and its place on the page.
        title: Heading of its section.
        panels: Functions of `spiralsink.plots`, with the width of each relative to the others.
        caption: What is to be seen, for somebody who has not read the paper.
    """

    name: str
    title: str
    panels: tuple[tuple[str, float], ...]
    caption: str


FIGURES = (
    Plate(
        "memory",
        "What can be read",
        (("memory_curve", 1.5), ("interference_by_lag", 1.0)),
        "Left: how much of an input a linear readout of the state still tells when the input is s steps old: R² on "
        "data that the readout was not fitted to. From one half upwards a feature at that age counts as readable. "
        "Dotted, for correlated inputs: what the input of the moment alone tells of its past, which is no memory. "
        "Right: what such readouts really say, for every readable age: the input they were made for, inputs of other "
        "ages and other features (interference), and what is not linear in the inputs.",
    ),
    Plate(
        "directions",
        "Where it is written",
        (("direction_lengths", 1.0), ("direction_alignment", 1.0), ("direction_dependence", 1.0)),
        "A feature direction w_s is where an input of age s lies in the hidden state. Left: how long the directions "
        "are. Middle: how far those of two ages are aligned, for feature 0; two ages written along one line disturb "
        "each other. "
        "Right: how much directions depend on what else the network heard.",
    ),
    Plate(
        "readout",
        "What the readout sees",
        (("seen_by_readout", 1.0),),
        "The projections A_s of the feature directions onto the readout. Above zero an input of that age raises the "
        "output; what lies below zero a ReLU readout would not hear: the interference-free space.",
    ),
    Plate(
        "dynamics",
        "How it turns and fades, and whether memories add up",
        (("jacobian_spectrum", 1.0), ("additivity_by_lags", 1.1)),
        "Left: eigenvalues of the mean Jacobian of a step; the modulus says how much of a mode is left after a step, "
        "the angle how far it turns. The ring spans the spectral radii of Jacobians of single times. Right: how "
        "far the response to two inputs is from the sum of the responses to each, squared and relative; where that is "
        "small the network behaves linearly, and its directions tell the whole story.",
    ),
)


def draw_figures(dataset: Any, folder: Path) -> None:
    """Draws every plate into FOLDER/NAME.png and .svg.

    Args:
        dataset: The dataset of an inspection.
        folder: Made if it is missing.
    """
    from .. import plots

    for plate in FIGURES:
        if plate.name == "readout" and "projections" not in dataset:
            continue
        widths = [width for _, width in plate.panels]
        with plots.style():
            figure, axes = plots.new_panels(1, len(widths), width=plots.PAGE_WIDTH, height=2.6, width_ratios=widths)
            for letter, (name, _), panel in zip("abc", plate.panels, axes[0], strict=False):
                getattr(plots, name)(dataset, ax=panel)
                if len(plate.panels) > 1:
                    plots.panel_letter(panel, letter)
        plots.save_figure(figure, folder / plate.name)
