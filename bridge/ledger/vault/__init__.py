"""The vault: raw answers and large event bodies, encrypted."""
