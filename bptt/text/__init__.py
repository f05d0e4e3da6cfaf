"""From a text to windows of indices: finding, decoding, encoding, caching and splitting it."""
