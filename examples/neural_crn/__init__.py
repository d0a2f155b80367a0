"""Neural chemical reaction networks: gradient descent carried out by indexed reactions."""
