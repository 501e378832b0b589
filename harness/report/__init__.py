"""What people and programs read: drawn from the verdict and the journals alone."""
