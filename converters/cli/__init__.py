"""The commands; each module has a ``main`` and imports heavy libraries only when it works."""
