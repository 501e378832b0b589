"""Every fault by its name in YAML. A new fault is one file and one row here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import msgspec
from pydantic.fields import FieldInfo

from harness.errors import ScenarioError, did_you_mean
from harness.faults.answer import Answer
from harness.faults.bandwidth import Bandwidth
from harness.faults.base import FaultConfig
from harness.faults.buffer import Buffer
from harness.faults.cache import Cache
from harness.faults.client_gone import ClientGone
from harness.faults.compress import Compress
from harness.faults.connection_limit import ConnectionLimit
from harness.faults.cut import Cut
from harness.faults.deferred_flush import DeferredFlush
from harness.faults.delayed_close import DelayedClose
from harness.faults.drain import Drain
from harness.faults.drop_held import DropHeld
from harness.faults.first_byte_timeout import FirstByteTimeout
from harness.faults.http2 import Http2
from harness.faults.http_version import HttpVersion
from harness.faults.idle_timeout import IdleTimeout
from harness.faults.lag_one_event import LagOneEvent
from harness.faults.late_headers import LateHeaders
from harness.faults.latency import Latency
from harness.faults.max_duration import MaxDuration
from harness.faults.queue import Queue
from harness.faults.redirect import Redirect
from harness.faults.refuse import Refuse
from harness.faults.resend import Resend
from harness.faults.rewrite_headers import RewriteHeaders
from harness.faults.slice import Slice
from harness.faults.upstream_death import UpstreamDeath
from harness.units import YAML_CONTEXT

FAULTS: Final[Mapping[str, type[FaultConfig]]] = MappingProxyType(
    {
        "answer": Answer,
        "bandwidth": Bandwidth,
        "buffer": Buffer,
        "cache": Cache,
        "client_gone": ClientGone,
        "compress": Compress,
        "connection_limit": ConnectionLimit,
        "cut": Cut,
        "deferred_flush": DeferredFlush,
        "delayed_close": DelayedClose,
        "drain": Drain,
        "drop_held": DropHeld,
        "first_byte_timeout": FirstByteTimeout,
        "http2": Http2,
        "http_version": HttpVersion,
        "idle_timeout": IdleTimeout,
        "lag_one_event": LagOneEvent,
        "late_headers": LateHeaders,
        "latency": Latency,
        "max_duration": MaxDuration,
        "queue": Queue,
        "redirect": Redirect,
        "refuse": Refuse,
        "resend": Resend,
        "rewrite_headers": RewriteHeaders,
        "slice": Slice,
        "upstream_death": UpstreamDeath,
    }
)


def build(name: str, settings: object) -> FaultConfig:
    """Make a fault's configuration from what YAML writes under its name.

    Args:
        name: The fault's name.
        settings: A mapping of its keys; None, an empty value in YAML, is no keys.

    Raises:
        ScenarioError: There is no such fault.
        pydantic.ValidationError: A setting is missing, unknown, or of no use.
    """
    fault = FAULTS.get(name)
    if fault is None:
        raise ScenarioError(f"unknown fault {name}{did_you_mean(name, FAULTS)}")
    # Names of Python, such as after_s, are no keys of YAML.
    return fault.model_validate(
        {} if settings is None else settings, context=YAML_CONTEXT, by_alias=True, by_name=False
    )


def built(name: str, settings: object) -> FaultConfig:
    """The same for settings that were found to make sense before: built once, however often used.

    Args:
        name: See `build`.
        settings: See `build`; as YAML or JSON has them.
    """
    return _built(name, msgspec.json.encode(settings))


@lru_cache(maxsize=4096)
def _built(name: str, settings: bytes) -> FaultConfig:
    return build(name, msgspec.json.decode(settings))


def settings_of(fault: type[FaultConfig]) -> list[tuple[str, FieldInfo]]:
    """A fault's own settings; `when`, which every fault has, is not among them."""
    return [(name, field) for name, field in fault.model_fields.items() if name != "when"]
