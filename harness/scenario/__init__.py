"""From YAML files to cases: load, check, fill in the matrix, select."""
