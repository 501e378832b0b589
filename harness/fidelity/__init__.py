"""Simulated and real, side by side: what is asked, what was seen, and whether both agree."""
