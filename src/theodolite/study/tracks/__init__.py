"""One model through its training: the curve of every metric, and what moved."""
