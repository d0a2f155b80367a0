"""Simulators behind one interface; each is imported only when it runs."""
