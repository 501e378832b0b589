"""The simulated products held against what was measured of the real programs.

    records.json.gz ── records.py ─▶ Record: what a probe asked for, what was seen
         │ Ask                                  │ Seen
         ▼                                      ▼
    origin.py, client.py ─ simulate.py ─▶ Seen ─ facts.py ─ compare.py ─▶ report.py
         (configs/*.yaml: which product, version and settings a record's config is)

Everything here is pure: the chain runs under the replay driver, with no network and no clock.
An author's command: `python -m tests.fidelity nginx [--probe EXPR] [--config NAME] [-v]`.
"""
