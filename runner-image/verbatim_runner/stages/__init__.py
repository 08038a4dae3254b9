"""The stages, one module each, with one verb: ``run``. They never import each other."""
