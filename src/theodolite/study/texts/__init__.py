"""How many dimensions the token vectors of each text have."""
