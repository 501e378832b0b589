"""One observation, every intermediary: what was said once, replayed through each and judged.

    observation   what a target said to one way of asking (engine/asking asks, the tap records)
    cadence       when an endless stream is known, and how it goes on
    cells, play, replayed
                  a chain, and the journal of the stream replayed through it (hops/replay), once
    kinds, resuming, expect, judging
                  what a stream is for, how it is resumed, what is asked of it, what came of it
    server_fixes, directives, proofs
                  what cures a failure: tried on replays, one by one
    comparing, fingerprints, between
                  what changes from one place on the way to the next, and whom that looks like
    timeline, facts, rows
                  all that for a reader, as `model.survey` holds it

Pure: no network, no clock, no files but the products' and the built-in scenarios.
"""
