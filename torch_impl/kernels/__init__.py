"""The pieces that both compiled parts, `fast` and `elman`, are built from."""
