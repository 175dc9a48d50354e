"""The explorer: one self-contained page on which a result can be looked at."""
