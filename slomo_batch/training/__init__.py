"""Which weights? Data, losses and the loop that make the shipped ones, and the validation that judges them."""
