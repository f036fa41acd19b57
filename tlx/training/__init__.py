"""Training: the loop, what it keeps between epochs, what it starts from and what it holds; its histories."""
