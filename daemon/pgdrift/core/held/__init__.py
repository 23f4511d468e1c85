"""How many objects are held in little memory, and told apart without unfolding them."""
