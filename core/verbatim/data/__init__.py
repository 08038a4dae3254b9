"""What a conf says of its data, made fixed when the run is pinned; and what is known of it when it was extracted.

Templates are filled, queries checked and bound, waits spelled out; datasets are found again by name. Asks no source.
"""
