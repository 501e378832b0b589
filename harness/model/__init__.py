"""Frozen records that cross borders: scenario, journal, verdict."""
