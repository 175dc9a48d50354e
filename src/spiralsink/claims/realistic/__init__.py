"""Networks of realistic kinds and widths on recorded data: does the paper's picture survive?"""

from ._claims import CLAIMS as CLAIMS
