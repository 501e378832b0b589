"""`python -m harness` is `sse-harness`."""

from harness.cli import main

if __name__ == "__main__":
    main()
