"""A winner-take-all network of DNA that tells handwritten digits apart, trained by its chemistry."""
