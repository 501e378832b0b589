"""What every record that YAML or JSON fills has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo


def yaml_key(name: str) -> str:
    """The YAML key of a field: `after_s` is `after`, `block_bytes` is `block`, `from_` is `from`.

    The unit stands in the value there and in the name here.
    """
    return name.removesuffix("_s").removesuffix("_bytes").removesuffix("_")


def key_of(name: str, field: FieldInfo) -> str:
    """The YAML key of a model's field, also before pydantic has built the model."""
    return field.alias or yaml_key(name)


class Strict(BaseModel):
    """Frozen, and unknown keys are errors."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        alias_generator=yaml_key,
        allow_inf_nan=False,
        # A command uses a few of some forty models: each is built when it is first used.
        defer_build=True,
    )
