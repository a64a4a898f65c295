"""`winnow.yaml` and the environment, read into frozen settings.

A plug-in is an object with `use: package.module:Class`; its other keys are the class's own.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.json_schema import SkipJsonSchema

from gateway.engines.settings import EngineSettings
from gateway.environment import substituted
from gateway.errors import ConfigurationError
from gateway.ledger.database import absolute_url
from gateway.misspellings import nearest_key
from gateway.yaml_files import parse_yaml

# Lower case and without a path, or no browser's `Origin` header would ever be equal to it.
Origin = Annotated[str, Field(pattern=r"^(\*|[a-z][a-z0-9+.-]*://[^/?#\sA-Z]+)$")]


class Settings(BaseModel):
    """The base of every section: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Plugin(BaseModel):
    """`use` names the class; everything else is passed to it, and checked by it."""

    model_config = ConfigDict(extra="allow", frozen=True)

    use: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")]

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class UpstreamSettings(Settings):
    """One server of a model; `model` is the name that the model has there.

    `together` asks for all candidates in one call, by `n`; left out, the dialect says.
    """

    base_url: Annotated[str, Field(pattern=r"^https?://")]
    model: str
    api_key: str | None = None
    dialect: Literal["openai", "vllm", "llamacpp"] = "openai"
    together: bool | None = None


class ModelSettings(Settings):
    """One model that clients can ask for: servers that run it, or an engine that we start."""

    upstreams: list[UpstreamSettings] = []
    engine: EngineSettings | None = None
    system_prompt: str = ""

    @model_validator(mode="after")
    def _either(self) -> Self:
        if bool(self.upstreams) == bool(self.engine):
            raise ValueError("give either upstreams or an engine")
        return self


class PruneSettings(Settings):
    """Once all candidates at work have `at_tokens` tokens, only the best `keep` go on.

    It acts where the reward model's scores of such beginnings were measured to say enough.
    """

    at_tokens: Annotated[int, Field(ge=8)] = 32
    keep: Annotated[int, Field(ge=1)] = 2


class HedgeSettings(Settings):
    """When a silent candidate gets a spare.

    It must have been silent for `least_s`, and `times` as long as 95 % of the silences of its
    model; `share` is how many spares there may be for each candidate started. 0 turns it off.
    """

    share: Annotated[float, Field(ge=0, le=1)] = 0.02
    times: Annotated[float, Field(ge=1)] = 4.0
    least_s: Annotated[float, Field(ge=0)] = 1.0


class CandidatesSettings(Settings):
    """How candidates are drawn, how many at most, and how one is chosen.

    `max_tokens` bounds one candidate, `max_total_tokens` all of a request's together.
    """

    n: Annotated[int, Field(ge=1, le=64)] = 4
    max_n: Annotated[int, Field(ge=1, le=64)] = 8
    max_tokens: Annotated[int, Field(ge=1)] = 1024
    default_max_tokens: Annotated[int, Field(ge=1)] = 256
    max_total_tokens: Annotated[int, Field(ge=1)] | None = None
    timeout_s: Annotated[float, Field(gt=0)] = 60.0
    prune: PruneSettings | None = None
    hedge: HedgeSettings = HedgeSettings()
    stop_rule: Plugin = Plugin(use="reward_filters.fixed_n:FixedN")
    selection: Plugin = Plugin(use="reward_filters.soft_best_of_n:SoftBestOfN")

    @model_validator(mode="after")
    def _within_caps(self) -> Self:
        if self.n > self.max_n:
            raise ValueError(f"n ({self.n}) is more than max_n ({self.max_n})")
        if self.default_max_tokens > self.max_tokens:
            raise ValueError(
                f"default_max_tokens ({self.default_max_tokens}) is more than "
                f"max_tokens ({self.max_tokens})"
            )
        return self


class RewardSettings(Plugin):
    """The reward model, and how long one call of it may take.

    With `engine`, a local server is started for it, and its address, model and key are given to
    the class as `base_url`, `model` and `api_key`.
    """

    use: str = "reward_filters.cross_encoder:CrossEncoder"
    timeout_s: Annotated[float, Field(gt=0)] = 5.0
    engine: EngineSettings | None = None


class PoliciesSettings(Settings):
    """Names of policy sets: `sets` judge every request, a request may add one of `optional`.

    A set is the file `<folder>/<name>.yaml`, or else the one shipped under that name. Every
    `reload_s` seconds the files are looked at, and changed ones replace those in force; 0 is never.
    """

    sets: Annotated[list[str], Field(min_length=1)] = ["default"]
    optional: list[str] = []
    folder: Path | None = None
    reload_s: Annotated[float, Field(ge=0)] = 2.0


class LedgerSettings(Settings):
    """Where exchanges and feedback are kept."""

    url: str = "sqlite:///winnow.db"


class FeedbackSettings(Settings):
    """Tokens that let a browser vote. The first secret signs, all of them verify.

    Pages of `allowed_origins` (`https://shop.example`, exactly as browsers send it, or `*` for
    any) may call `/v1/feedback` and nothing else.
    """

    token_secrets: list[str] = []
    token_max_age_s: Annotated[int, Field(ge=1)] = 30 * 24 * 3600
    allowed_origins: list[Origin] = []


class ApiSettings(Settings):
    """How the OpenAI surface behaves."""

    strict_openai: bool = False
    blocked_input: Literal["message", "error"] = "message"
    client_system: Literal["append", "refuse"] = "append"


class AuthSettings(Settings):
    """`required: false` lets anyone in on loopback as long as no key exists."""

    required: bool = False


class LimitsSettings(Settings):
    """What one request may weigh."""

    max_body_bytes: Annotated[int, Field(ge=1024)] = 2**20
    max_messages: Annotated[int, Field(ge=1)] = 256
    max_characters: Annotated[int, Field(ge=1)] = 65_536


class GatewaySettings(Settings):
    """A whole `winnow.yaml`."""

    models: Annotated[dict[str, ModelSettings], Field(min_length=1)]
    candidates: CandidatesSettings = CandidatesSettings()
    reward: RewardSettings | None = RewardSettings()
    policies: PoliciesSettings = PoliciesSettings()
    ledger: LedgerSettings = LedgerSettings()
    feedback: FeedbackSettings = FeedbackSettings()
    api: ApiSettings = ApiSettings()
    auth: AuthSettings = AuthSettings()
    limits: LimitsSettings = LimitsSettings()
    folder: SkipJsonSchema[Path] = Path()
    """Where relative paths in plug-ins' options begin: the config's own folder, and no key of it.
    A field, so that it comes along to the workers."""


def load_settings(path: Path, environment: Mapping[str, str] = os.environ) -> GatewaySettings:
    """Read a config file.

    Raises:
        ConfigurationError: naming the file, the key's path and what is wrong there.
    """
    try:
        raw: object = parse_yaml(path.read_text(encoding="utf-8"), path).content
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: not valid YAML: it is not UTF-8") from None
    if not isinstance(raw, dict):
        raise ConfigurationError(f"{path}: the top level must be a mapping with the key 'models'")
    if "folder" in raw:
        raise ConfigurationError(f"{path}: folder: unknown key")
    try:
        settings = GatewaySettings.model_validate(substituted(raw, environment, str(path)))
    except ValidationError as error:
        raise ConfigurationError(_explained(path, error)) from None
    return _anchored(settings, path.parent)


def _anchored(settings: GatewaySettings, folder: Path) -> GatewaySettings:
    """The settings with their relative paths taken from the config's own folder."""
    ledger = LedgerSettings(url=absolute_url(settings.ledger.url, folder))
    policies = settings.policies
    if policies.folder is not None:
        policies = policies.model_copy(update={"folder": folder / policies.folder})
    return settings.model_copy(update={"ledger": ledger, "policies": policies, "folder": folder})


def _explained(path: Path, error: ValidationError) -> str:
    """One line per problem. Values are not quoted: one of them may be a secret."""
    lines: list[str] = []
    for problem in error.errors(include_url=False, include_input=False):
        where = ".".join(str(part) for part in problem["loc"]) or "top level"
        reason = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            reason = f"unknown key{nearest_key(GatewaySettings, problem['loc'])}"
        lines.append(f"{path}: {where}: {reason}")
    return "\n".join(lines)
