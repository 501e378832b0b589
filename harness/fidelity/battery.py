"""The probes: what is asked through every program and through its simulation.

Each stands under the name it has in the stored measurements, and asks what it asked then, so that
today's programs can be held against those as well. They are in groups: a configuration is asked
what it is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from harness.fidelity.record import Ask, Mode

# Of a client that is to leave, before it has: it never came to it within so long.
_NEVER_S: Final = 9.0
# What a program may need to notice that its client is gone. Over HTTP/2 less is watched: after five
# seconds some close a connection that carries no stream.
LAZY_S: Final = 6.0
H2_LAZY_S: Final = 4.0
_LATE_S: Final = 60.0  # longer than anything is watched
_MODES: Final[tuple[Mode, ...]] = ("chunked", "connclose", "close11", "close10")

_FEW: Final = Ask(n=10, dt=0.3, watch_s=8.0)
_LARGE: Final = Ask(n=8, dt=0.3, size=1000, watch_s=8.0)
_DENSE: Final = Ask(n=300, dt=0.01, watch_s=12.0)
_RANDOM: Final = Ask(n=120, dt=0.04, size=1000, is_random=True, watch_s=12.0)
_FIELDS: Final = Ask(n=8, dt=0.3, watch_s=7.0)
_QUIET: Final = Ask(n=2, dt=0.2, end="hang", watch_s=9.0)
_MUTE: Final = Ask(n=10, dt=0.3, head_after=_LATE_S, watch_s=9.0)
_BEATS: Final = Ask(n=1, dt=0.2, heartbeats=6, has_tail=True, watch_s=9.0)
_LIVELY: Final = Ask(n=20, dt=0.3, watch_s=9.0)
_DIES: Final = Ask(n=3, dt=0.2, watch_s=6.0)
_STAYS: Final = Ask(n=60, dt=0.3, leaves="fin", watch_s=_NEVER_S)
_IDLES: Final = Ask(n=2, dt=0.1, size=1000, end="hang", leaves="fin", watch_s=_NEVER_S)
# The third client comes when the second one is done, which may have waited for all of the first.
_SHARED: Final = Ask(n=15, dt=0.3, drop=("Cache-Control",), third_s=7.5, watch_s=13.5)


def _with(ask: Ask, **changes: object) -> Ask:
    return msgspec.structs.replace(ask, **changes)


def _own(*fields: tuple[str, str]) -> dict[str, object]:
    return {"fields": fields}


GROUPS: Final[Mapping[str, Mapping[str, Ask]]] = {
    # Small, large and dense events, over every way to delimit a body.
    "flow": {
        **{f"flow_small_{mode}": _with(_FEW, mode=mode) for mode in _MODES},
        **{f"flow_large_{mode}": _with(_LARGE, mode=mode) for mode in _MODES},
        "flow_dense60_chunked": _DENSE,
        "flow_dense60_close10": _with(_DENSE, mode="close10"),
        "first_event_late": Ask(n=2, dt=0.2, first=2.0, watch_s=8.0),
    },
    "time": {
        "idle_midstream": _QUIET,
        "idle_heartbeat_1s": _BEATS,
        "before_headers": _MUTE,
        "after_headers_before_first_event": Ask(n=10, dt=0.3, first=_LATE_S, watch_s=9.0),
        "active_stream_6s": _LIVELY,
    },
    "coding": {
        "gz_small": _FEW,
        "gz_large": _LARGE,
        "gz_dense60": _DENSE,
        "gz_random1000": _RANDOM,
        "gz_random1000_AE_gzip": _with(_RANDOM, put=(("Accept-Encoding", "gzip"),)),
        "gz_AE_gzip": _with(_FEW, put=(("Accept-Encoding", "gzip"),)),
        "gz_AE_br": _with(_FEW, put=(("Accept-Encoding", "br"),)),
        "gz_no_AE": _with(_FEW, drop=("Accept-Encoding",)),
        "gz_ce_identity": _with(_FEW, **_own(("Content-Encoding", "identity"))),
        "gz_ce_none": _with(_FEW, **_own(("Content-Encoding", "none"))),
        "gz_cc_none": _with(_FEW, cache_control=""),
        "gz_no-transform": _with(_FEW, cache_control="no-cache, no-transform"),
        "gz_xab_no": _with(_FEW, **_own(("X-Accel-Buffering", "no"))),
        "gz_xab_no_close10": _with(_FEW, mode="close10", **_own(("X-Accel-Buffering", "no"))),
        "gz_close10": _with(_FEW, mode="close10"),
        "gz_text/plain": _with(_FEW, content_type="text/plain"),
        "gz_charset": _with(_FEW, content_type="text/event-stream; charset=utf-8"),
        "gz_etag": _with(_FEW, **_own(("ETag", '"abc"'), ("Accept-Ranges", "bytes"))),
        "gz_http10_client": _with(_FEW, http="1.0"),
        "gz_idle20s": Ask(n=2, dt=0.3, end="hang", hang_s=6.0, watch_s=9.0),
    },
    "leaving": {
        "leave_active_fin": _STAYS,
        "leave_active_halfclose": _with(_STAYS, leaves="half"),
        "leave_idle_fin": _IDLES,
        "leave_idle_rst": _with(_IDLES, leaves="rst"),
        "leave_idle_halfclose": _with(_IDLES, leaves="half"),
        "leave_before_headers": _with(_MUTE, leaves="fin", watch_s=7.0),
    },
    "death": {
        "upstream_fin_nohdr": Ask(n=10, dt=0.3, end="die-fin", watch_s=6.0),
        "upstream_rst_nohdr": Ask(n=10, dt=0.3, end="die-rst", watch_s=6.0),
        "upstream_fin_small": _with(_DIES, end="fin"),
        "upstream_fin_midstream": _with(_DIES, end="fin", size=1000),
        "upstream_rst_small": _with(_DIES, end="rst"),
        "upstream_rst_midstream": _with(_DIES, end="rst", size=1000),
        "upstream_rst_close11": _with(_DIES, end="rst", size=1000, mode="close11"),
        "refused": Ask(n=10, dt=0.3, end="refused", watch_s=6.0),
    },
    "fields": {
        "hdr_base": _FIELDS,
        "hdr_hop_by_hop": _with(
            _FIELDS,
            put=(("X-Forwarded-For", "9.9.9.9"),),
            **_own(("Keep-Alive", "timeout=5"), ("X-Custom", "1"), ("Pragma", "no-cache")),
        ),
        "hdr_http10_client": _with(_FIELDS, http="1.0"),
        "hdr_req_no_AE": _with(_FIELDS, drop=("Accept-Encoding",)),
        "hdr_req_AE_identity": _with(_FIELDS, put=(("Accept-Encoding", "identity"),)),
        "hdr_xab_no": _with(_FIELDS, **_own(("X-Accel-Buffering", "no"))),
        "hdr_xab_yes": _with(_FIELDS, **_own(("X-Accel-Buffering", "yes"))),
        "hdr_cc_no-transform": _with(_FIELDS, cache_control="no-cache, no-transform"),
    },
    "sharing": {
        "cache_cc_none": _with(_SHARED, cache_control=""),
        "cache_cc_max-age60": _with(_SHARED, cache_control="max-age=60"),
        "cache_cc_no-cache": _SHARED,
        "cache_cc_private": _with(_SHARED, cache_control="private"),
        "cache_hdrdelay2_cc_max-age60": _with(
            _SHARED, cache_control="max-age=60", head_after=2.0, third_s=9.0, watch_s=15.0
        ),
    },
    "h2": {
        "h2_flow_small": _with(_FEW, http="2"),
        "h2_flow_dense60": _with(_DENSE, http="2", watch_s=10.0),
        "h2_first_event_late": Ask(n=2, dt=0.2, first=2.0, http="2", watch_s=8.0),
        "h2_upstream_fin": _with(_DIES, end="fin", http="2"),
        "h2_upstream_rst": _with(_DIES, end="rst", http="2"),
        "h2_client_reset_idle": Ask(
            n=2, dt=0.1, end="hang", http="2", leaves="rst", watch_s=_NEVER_S
        ),
        "h2_client_reset_active": Ask(n=60, dt=0.2, http="2", leaves="rst", watch_s=_NEVER_S),
    },
    "h2-time": {
        "h2_idle_midstream": _with(_QUIET, http="2"),
        "h2_before_headers": _with(_MUTE, http="2"),
        "h2_heartbeat_1s": _with(_BEATS, http="2"),
        "h2_active_6s": _with(_LIVELY, http="2"),
    },
}

PROBES: Final[Mapping[str, Ask]] = {
    name: ask for group in GROUPS.values() for name, ask in group.items()
}


def probes(groups: Iterable[str]) -> dict[str, Ask]:
    """The probes of some groups, by name.

    Raises:
        KeyError: There is no such group.
    """
    return {name: ask for group in groups for name, ask in GROUPS[group].items()}
