"""Arrays in, arrays out: algorithms that know nothing of checkpoints, measures or readings."""
