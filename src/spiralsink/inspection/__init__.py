"""What a recurrent network of any kind remembers and where: measured, ablated, patched."""
