"""Figures from labelled data: feature directions, projections, losses and spectra, in one style.

Every function draws into `ax` or into new axes and returns them; matplotlib is imported when the first one is called.
"""

from ._data import HistoryData as HistoryData
from ._data import PlaneData as PlaneData
from ._data import ProjectionData as ProjectionData
from ._data import SpectrumData as SpectrumData
from ._data import history_data as history_data
from ._data import plane_data as plane_data
from ._data import projection_data as projection_data
from ._data import spectrum_data as spectrum_data
from ._inspection import additivity_by_lags as additivity_by_lags
from ._inspection import inspection as inspection
from ._inspection import jacobian_spectrum as jacobian_spectrum
from ._inspection_data import inspection_data as inspection_data
from ._inspection_directions import direction_alignment as direction_alignment
from ._inspection_directions import direction_dependence as direction_dependence
from ._inspection_directions import direction_lengths as direction_lengths
from ._inspection_effect import effect as effect
from ._inspection_memory import interference_by_lag as interference_by_lag
from ._inspection_memory import memory_curve as memory_curve
from ._inspection_memory import seen_by_readout as seen_by_readout
from ._phase_data import BranchData as BranchData
from ._phase_data import PhaseData as PhaseData
from ._phase_data import phase_data as phase_data
from ._phase_diagram import phase_diagram as phase_diagram
from ._phase_map import phase_map as phase_map
from ._phase_planes import branch_planes as branch_planes
from ._phase_terms import TermDifferences as TermDifferences
from ._phase_terms import term_differences as term_differences
from ._phase_terms import term_differences_data as term_differences_data
from ._plane import free_polygon as free_polygon
from ._plane import plane as plane
from ._projections import projections as projections
from ._spectrum import spectrum as spectrum
from ._style import COLUMN_WIDTH as COLUMN_WIDTH
from ._style import INK as INK
from ._style import MUTED as MUTED
from ._style import PAGE_WIDTH as PAGE_WIDTH
from ._style import TERMS as TERMS
from ._style import age_colorbar as age_colorbar
from ._style import age_colors as age_colors
from ._style import new_panels as new_panels
from ._style import panel_letter as panel_letter
from ._style import require_matplotlib as require_matplotlib
from ._style import save_figure as save_figure
from ._style import series_style as series_style
from ._style import style as style
from ._style import term_style as term_style
from ._sweep import sweep_metric as sweep_metric
from ._sweep import sweep_regimes as sweep_regimes
from ._sweep_summary import sweep_summary as sweep_summary
from ._training import loss_and_terms as loss_and_terms
