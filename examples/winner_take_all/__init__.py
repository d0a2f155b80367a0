"""A winner-take-all network of DNA strands that tells handwritten digits apart, trained through its chemistry."""
