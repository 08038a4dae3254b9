"""Keeps a training's checkpoints: as they appear, at its end however it ends, and for the try or run after it."""
