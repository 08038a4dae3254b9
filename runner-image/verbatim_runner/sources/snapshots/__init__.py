"""Snapshots of channels: taken once, reused while the source is unchanged, refused where the past is gone."""
