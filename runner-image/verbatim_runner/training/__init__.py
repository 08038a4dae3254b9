"""The train stage's parts: the contract that a training runs under, its supervision, and what it leaves."""
