"""F and k of the Gray–Scott network from a pattern, by the texture of random filters."""
