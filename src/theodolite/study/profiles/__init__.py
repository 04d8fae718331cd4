"""Single clouds of points side by side: their dimensions, layer by layer and over scales."""
