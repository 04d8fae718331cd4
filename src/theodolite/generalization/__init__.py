"""How well a network will do, asked of its weights, of its start, and of data that it is run on."""
