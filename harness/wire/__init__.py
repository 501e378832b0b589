"""Bytes ⇄ meaning: event streams, content codings, header fields."""
