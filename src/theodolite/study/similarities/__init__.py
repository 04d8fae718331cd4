"""Many clouds of points set against each other: matrices of what was read, best matches, distances."""
