"""Readers of other people's networks, each checked against an independent forward pass."""
