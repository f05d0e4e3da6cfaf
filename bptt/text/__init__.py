"""A text becomes windows of indices: found, decoded, encoded, cached and split."""
