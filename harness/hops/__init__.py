"""Drivers of a chain: mitmproxy on the wire, or a recorded stream without a network."""
