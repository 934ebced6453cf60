"""Prompts: versions of templates, kept in the model registry."""

from __future__ import annotations

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException


@pytest.fixture
def prompt(name: str) -> str:
    """A prompt with two versions and the test's name."""
    mlflow.genai.register_prompt(name, "Answer {{question}}.", commit_message="first", tags={"a": "b"})
    mlflow.genai.register_prompt(name, "Answer {{question}} in one line.")
    return name


@pytest.mark.covers("register, load by version, by `@latest` and by alias, and fill in")
def test_a_prompt_is_loaded(prompt: str) -> None:
    first = mlflow.genai.load_prompt(prompt, version=1)
    assert first.format(question="why") == "Answer why."
    assert (first.commit_message, first.tags["a"]) == ("first", "b")
    mlflow.genai.set_prompt_alias(prompt, "best", 2)
    for uri in (f"prompts:/{prompt}/2", f"prompts:/{prompt}@best", f"prompts:/{prompt}@latest"):
        assert mlflow.genai.load_prompt(uri, cache_ttl_seconds=0).template.endswith("in one line.")
    mlflow.genai.delete_prompt_alias(prompt, "best")
    assert mlflow.genai.load_prompt(f"prompts:/{prompt}@best", allow_missing=True, cache_ttl_seconds=0) is None


@pytest.mark.covers("templates of chats")
def test_a_prompt_may_be_a_chat(name: str) -> None:
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "{{question}}"}]
    mlflow.genai.register_prompt(name, chat)
    assert mlflow.genai.load_prompt(name).format(question="why")[1]["content"] == "why"


@pytest.mark.covers("search of prompts, tags of prompts and of their versions")
def test_prompts_are_found(client: MlflowClient, prompt: str) -> None:
    client.set_prompt_tag(prompt, "team", "vision")
    client.set_prompt_version_tag(prompt, "1", "state", "old")
    [found] = mlflow.genai.search_prompts(f"name = '{prompt}'")
    assert found.tags["team"] == "vision"
    assert mlflow.genai.load_prompt(prompt, version=1, cache_ttl_seconds=0).tags["state"] == "old"
    versions = client.search_prompt_versions(prompt)
    assert {version.version for version in versions} == {1, 2}


@pytest.mark.covers("prompts are no models: searches of models leave them out")
def test_prompts_are_no_models(client: MlflowClient, prompt: str) -> None:
    assert not client.search_registered_models(f"name = '{prompt}'")
    assert not client.search_model_versions(f"name = '{prompt}'")


@pytest.mark.covers("deleting versions and prompts")
def test_prompts_are_deleted(client: MlflowClient, prompt: str) -> None:
    for version in ("1", "2"):
        client.delete_prompt_version(prompt, version)
    client.delete_prompt(prompt)
    assert mlflow.genai.load_prompt(prompt, allow_missing=True, cache_ttl_seconds=0) is None
    with pytest.raises(MlflowException, match=r"not found|DOES_NOT_EXIST"):
        mlflow.genai.load_prompt(prompt, cache_ttl_seconds=0)
