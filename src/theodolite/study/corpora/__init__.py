"""Many models together: which numbers go with their quality, and what drives it."""
