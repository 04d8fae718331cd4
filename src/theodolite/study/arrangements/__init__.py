"""Many things at distances from each other: laid out as points, and put into groups."""
