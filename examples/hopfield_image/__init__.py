"""A picture that a reaction–diffusion network of dual-rail neurons learns to grow."""
