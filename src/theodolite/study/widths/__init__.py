"""One architecture through its widths: what becomes of its spectra, and what to set."""
