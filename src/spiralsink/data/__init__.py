"""Stored networks as labelled data: the blocks of a store, one dataset of all of them, and the same on a grid."""

from ._block import FORMAT as FORMAT
from ._block import SECONDS as SECONDS
from ._block import Block as Block
from ._block import BlockHeader as BlockHeader
from ._block import DamagedBlock as DamagedBlock
from ._block import block_file as block_file
from ._block import count_networks as count_networks
from ._block import encode_block as encode_block
from ._block import list_blocks as list_blocks
from ._block import read_block as read_block
from ._block import read_header as read_header
from ._block import seconds_file as seconds_file
from ._export import export_store as export_store
from ._grid import as_grid as as_grid
from ._store import load_headers as load_headers
from ._store import load_networks as load_networks
from ._store import load_stacks as load_stacks
from ._store import open_store as open_store
