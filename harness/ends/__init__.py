"""The ends of a chain: reference server, clients, targets, and the tap beside the target."""
