"""How a loss falls with the number of training rows, and what the dimension of the data says of that."""
