"""Config: a good one is read, a bad one is explained by its place."""

from pathlib import Path

import pytest

from gateway.config import GatewaySettings, load_settings
from gateway.errors import ConfigurationError

LEAST = """
models:
  support:
    upstreams:
      - {base_url: "http://127.0.0.1:9001/v1", model: support-sft, api_key: "${VLLM_KEY}"}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "winnow.yaml"
    path.write_text(LEAST)
    return path


def problem(config: Path, text: str) -> str:
    config.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(config, {})
    return str(caught.value)


def test_the_least_config_serves_an_existing_endpoint(config: Path):
    """Every section but `models` may be left out."""
    settings = load_settings(config, {"VLLM_KEY": "s3cret"})
    assert settings.models["support"].upstreams[0].api_key == "s3cret"
    assert settings.candidates.n == 4
    assert settings.policies.sets == ["default"]


def test_the_shipped_config_is_valid():
    """`make run` uses it."""
    settings = load_settings(Path("winnow.yaml"), {})
    assert settings.models["support"].engine is not None


def test_a_relative_ledger_lies_beside_the_config(config: Path):
    """Not wherever the command happens to be run."""
    settings = load_settings(config, {"VLLM_KEY": "x"})
    assert str(config.parent) in settings.ledger.url


def test_a_variable_that_is_not_set_is_named(config: Path):
    """Silence would send an empty key."""
    with pytest.raises(ConfigurationError, match="VLLM_KEY"):
        load_settings(config, {})


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("modles: {}", ["modles", "did you mean 'models'"]),
        ("models: {}", ["models"]),
        ("models: {a: {upstreams: [{base_url: x, model: m}]}}", ["models.a.upstreams.0.base_url"]),
        ("models: {a: {}}", ["models.a", "either upstreams or an engine"]),
        ("models: {a: {engine: {kind: gpt}}}", ["models.a.engine", "llamacpp"]),
        (
            "models: {a: {engine: {kind: llamacpp, weights: smollm2}}}",
            ["models.a.engine", "smollm2-135m-instruct"],
        ),
        (LEAST.replace("${VLLM_KEY}", "") + "candidates: {n: 9}", ["candidates", "max_n"]),
        (LEAST.replace("${VLLM_KEY}", "") + "candidates: {n: 0}", ["candidates.n"]),
        (
            LEAST.replace("${VLLM_KEY}", "") + "candidates: {timeout: 9}",
            ["candidates.timeout", "did you mean 'timeout_s'"],
        ),
        ("- a", ["mapping"]),
        ("a: [", ["YAML"]),
    ],
)
def test_a_mistake_is_named_by_file_key_and_nearest_name(config: Path, text: str, parts: list[str]):
    """An operator should not have to guess."""
    told = problem(config, text)
    for part in ["winnow.yaml", *parts]:
        assert part in told


def test_a_secret_never_stands_in_an_error(config: Path):
    """Start-up errors end up in logs and tickets."""
    bad = LEAST.replace("api_key", "api_kye").replace("${VLLM_KEY}", "s3cret")
    assert "s3cret" not in problem(config, bad)


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    """The path that was looked for."""
    with pytest.raises(ConfigurationError, match=r"none\.yaml"):
        load_settings(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    "origin", ["https://shop.example/", "https://Shop.example", "shop.example", "", "null"]
)
def test_an_origin_that_no_browser_sends_is_named(config: Path, origin: str):
    """It would let nobody in, and nobody would know why."""
    allowed = f'feedback: {{allowed_origins: ["{origin}"]}}'
    said = problem(config, f"{LEAST.replace('${VLLM_KEY}', 'x')}{allowed}")
    assert "feedback.allowed_origins.0" in said


def test_the_folder_of_the_config_comes_along_to_the_workers(config: Path):
    """Paths in plug-ins' options begin there; it is no key of the config."""
    settings = load_settings(config, {"VLLM_KEY": "x"})
    assert GatewaySettings.model_validate_json(settings.model_dump_json()).folder == config.parent
    assert "folder" not in GatewaySettings.model_json_schema()["properties"]
    assert "folder: unknown key" in problem(config, LEAST + "folder: /tmp\n")
