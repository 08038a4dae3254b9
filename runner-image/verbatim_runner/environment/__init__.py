"""The user's environment: what is declared, the lock made of it, and the virtual environment built of that."""
