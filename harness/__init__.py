"""Hostile intermediaries between an SSE server and its clients, and a verdict with evidence."""
