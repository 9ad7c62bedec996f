"""Whether probabilities come true, and what acting on them is worth."""
