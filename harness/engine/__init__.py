"""The stage: puts target, tap, hops and clients together, under one clock, and has it judged."""
