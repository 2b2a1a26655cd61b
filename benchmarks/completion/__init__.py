"""How well gaps in held-out motions are filled, beside slerp, plain replacement and the truth."""
