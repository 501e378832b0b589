"""What stands in a chain: a hop, the faults it is made of, and the product it may be."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from harness.model.base import Strict
from harness.units import parse_duration

type Arms = Literal["always", "acting"]
type EvidenceGrade = Literal["measured", "documented", "reported"]


class FaultSpec(Strict):
    """One fault of a hop, by its name in YAML; `script` names a user's mitmproxy addon.

    What follows the settings is said of the faults of a product only.

    Args:
        arms: When it counts.
        evidence: How it is known.
        source: Where that is written.
        setting: The product's directive it comes from.
        value: Of that directive, as the product writes it.
        place: Where the user's own configuration has it, such as `nginx.conf:14`; "": nowhere.
        is_limit: Whether it ends exchanges that are silent or old.
        is_aside: Whether it changes words only, and neither bytes, times nor ends.
        rescue: What rescues a stream from it, as the product's file has it; "": nothing is known.
    """

    name: str
    settings: Any = None
    arms: Arms = "always"
    evidence: EvidenceGrade | None = None
    source: str = ""
    setting: str = ""
    value: str = ""
    place: str = ""
    is_limit: bool = False
    is_aside: bool = False
    rescue: str = ""

    @property
    def limit_s(self) -> float | None:
        """The seconds of silence or age that it ends an exchange after; None: it is no limit."""
        return parse_duration(self.settings["after"], allow_never=True) if self.is_limit else None

    @property
    def directive(self) -> str:
        """The directive as a configuration has it, and where the user's own has it.

        Such as `proxy_read_timeout 60s`, or `proxy_read_timeout 60s, nginx.conf:14`; "": none.
        """
        said = f"{self.setting} {self.value}".strip()
        return f"{said}, {self.place}" if self.place else said


class ConfigUse(Strict):
    """The user's own configuration of a product, as far as it was read: no file is needed again.

    Args:
        file: As the scenario names it.
        location: The URI it was asked about.
        server: The server that was asked for; "": none in particular.
        found: The location that was found, in a few words.
        lines: The settings that were read, and where each is written: `nginx.conf:14`.
        unmodelled: What else is in effect there and may touch a response, a line each.
        notes: Remarks, a line each.
    """

    file: str
    location: str
    server: str = ""
    found: str = ""
    lines: dict[str, str] = Field(default_factory=dict)
    unmodelled: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def without(self, names: Container[str]) -> ConfigUse:
        """The same where the scenario itself writes some of the settings."""
        lines = {name: it for name, it in self.lines.items() if name not in names}
        return self.model_copy(update={"lines": lines})

    def as_yaml(self) -> dict[str, str]:
        """What a scenario writes to have it read."""
        server = {"server": self.server} if self.server else {}
        return {"config": self.file, "location": self.location, **server}


class ProductUse(Strict):
    """The product a hop is.

    Args:
        name: Its name.
        version: Of the product, as asked for; "": it has no versions.
        settings: What the user set, as the product writes it; what his configuration says included.
        config: Where the settings are from that the scenario does not write.
    """

    name: str
    version: str = ""
    settings: dict[str, Any] = Field(default_factory=dict)
    config: ConfigUse | None = None

    @property
    def written(self) -> dict[str, Any]:
        """What a scenario writes under the product."""
        if self.config is None:
            return self.settings
        own = {name: it for name, it in self.settings.items() if name not in self.config.lines}
        return {**self.config.as_yaml(), **own}

    def __str__(self) -> str:
        return f"{self.name}@{self.version}" if self.version else self.name


class Via(Strict):
    """A proxy that runs already.

    Args:
        url: Its address, `http://127.0.0.1:8080`.
        listen: The port of loopback that it forwards to, where the chain goes on behind it; None:
            it forwards to the target itself.
    """

    url: str
    listen: int | None = None


def _as_faults(value: object) -> object:
    if isinstance(value, dict) and "faults" not in value:
        return {"faults": [{"name": name, "settings": it} for name, it in value.items()]}
    return value


class Hop(Strict):
    """One intermediary of a chain: faults in the order bytes from upstream meet them.

    Args:
        faults: What it does; a product may do a thing twice. Of a real hop, what it is expected
            to do: nothing of it is simulated, and nothing noted.
        product: What it is; None: what its faults make of it.
        is_real: Whether the product's own program stands here, as a process.
        via: The proxy that runs already and stands here; None: none does.
    """

    faults: tuple[FaultSpec, ...]
    product: ProductUse | None = None
    is_real: bool = False
    via: Via | None = None

    @property
    def is_outside(self) -> bool:
        """Whether it runs outside of this process, and so on the real clock only."""
        return self.is_real or self.via is not None

    @property
    def is_beyond_tap(self) -> bool:
        """Whether it forwards to the target by itself: the tap stands before it."""
        return self.via is not None and self.via.listen is None

    def path_of(self, fault: int) -> str:
        """What a path into the hop calls one of its faults, by position.

        Its name, or the directive of the product it comes from: `nginx.proxy_read_timeout`.
        """
        spec = self.faults[fault]
        if self.product is None:
            return spec.name
        path = f"{self.product.name}.{spec.setting or spec.name}"
        return f"real.{path}" if self.is_real else path

    @property
    def called(self) -> str:
        """What a hop with a name is called: `nginx@1.22`, `nginx@1.22.1 (real)`, `via http://…`."""
        if self.via is not None:
            return f"via {self.via.url}"
        assert self.product is not None
        return f"{self.product} (real)" if self.is_real else str(self.product)

    def as_yaml(self) -> dict[str, Any]:
        """The hop as a scenario writes it."""
        if self.via is not None:
            only_url = self.via.listen is None
            return {"via": self.via.url if only_url else self.via.model_dump()}
        if self.product is not None and self.is_real:
            # The version is what is installed, not what anybody asks for.
            return {"real": {self.product.name: self.product.written}}
        if self.product is not None:
            return {str(self.product): self.product.written}
        return {fault.name: fault.settings for fault in self.faults}


def has_relay(hops: Sequence[Hop], number: int) -> bool:
    """Whether there is a relay before the hop of this number.

    There is between neighbours that run outside of this process, and of which neither says what it
    does; where the tap stands there is none.
    """
    hop = hops[number - 1]
    return number > 1 and hop.is_outside and hops[number - 2].is_outside and not hop.is_beyond_tap


type HopField = Annotated[Hop, BeforeValidator(_as_faults)]
