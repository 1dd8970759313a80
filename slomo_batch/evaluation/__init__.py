"""How good are the pictures? Frames taken out of real clips, made anew by each method, and measured."""
