"""Several runs: the same one for several seeds, or different ones compared."""
