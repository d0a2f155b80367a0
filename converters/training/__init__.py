"""Fitting: data and parameters in, likelihood bound to a model, fitted values out."""
