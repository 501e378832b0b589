"""One observation, every intermediary: what was said once, replayed through each and judged."""
