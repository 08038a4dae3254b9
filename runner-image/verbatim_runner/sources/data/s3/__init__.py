"""Data in an S3-compatible store: objects as of a moment, downloaded in ranges and verified by their checksums."""
