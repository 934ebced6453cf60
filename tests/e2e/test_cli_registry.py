"""`milepost registry` and `milepost models cache` against real servers."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import milepost
from milepost.models.format.manifest import write_manifest
from milepost.models.registry.publishing import upload_model
from support.cli import Cli
from support.receiver import Receiver
from support.servers import RunningServer


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.grpc_address)


@pytest.fixture
def client(server: RunningServer) -> Iterator[milepost.Client]:
    with milepost.Client(server.grpc_address) as connected:
        yield connected


@pytest.fixture
def name() -> str:
    return f"fraud-{uuid.uuid4().hex}"


@pytest.fixture
def logged(client: milepost.Client, tmp_path: Path) -> milepost.LoggedModel:
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {python_function: {loader_module: mine}}\n")
    (folder / "weights").write_bytes(uuid.uuid4().bytes)
    write_manifest(folder)
    run = client.runs.create()
    return upload_model(client, client.logged_models.create(run.run_id, "classifier", params={"depth": 3}), folder)


@pytest.fixture
def version(client: milepost.Client, logged: milepost.LoggedModel, name: str) -> milepost.ModelVersion:
    return client.model_versions.create(name, model_id=logged.model_id, create_model=True, user="ada")


def test_a_model_is_created_shown_changed_listed_and_renamed(cli: Cli, name: str) -> None:
    assert cli.json("registry", "models", "create", name, "-d", "finds fraud", "-t", "team=risk")["name"] == name
    cli.run("registry", "models", "update", name, "-d", "new", "-t", "a=b", "--untag", "team")
    shown = cli.json("registry", "models", "show", name)
    assert (shown["description"], shown["tags"]) == ("new", {"a": "b"})
    assert "new" in cli.out("registry", "models", "show", name)
    renamed = f"{name}-2"
    assert renamed in cli.out("registry", "models", "rename", name, renamed, "--yes")
    listed = cli.json("registry", "models", "list", "-f", f"name = '{renamed}'")["registeredModels"]
    assert [one["name"] for one in listed] == [renamed]
    assert cli.out("registry", "tags", renamed).split() == ["KEY", "VALUE", "a", "b"]


def test_a_version_is_registered_and_shown_with_its_card(
    cli: Cli, logged: milepost.LoggedModel, name: str, tmp_path: Path
) -> None:
    (tmp_path / "card.md").write_text("# For fraud\nonly")
    card = str(tmp_path / "card.md")
    made = cli.json("registry", "versions", "register", logged.uri, name, "--alias", "champion", "--model-card", card)
    assert (made["modelId"], made["version"], made["aliases"]) == (logged.model_id, "1", ["champion"])
    page = cli.out("registry", "versions", "show", f"{name}@champion")
    assert logged.model_id in page
    assert page.endswith("# For fraud\nonly\n")


def test_versions_are_listed_moved_and_changed(cli: Cli, version: milepost.ModelVersion) -> None:
    reference = f"{version.name}/1"
    said = cli.out("registry", "versions", "transition", reference, "Production", "--archive-existing")
    assert said == f"Moved to production: version 1 of {version.name!r}.\n"
    assert cli.json("registry", "versions", "update", reference, "-t", "k=v")["tags"] == {"k": "v"}
    row = cli.out("registry", "versions", "list", version.name).splitlines()[1].split()
    assert row[:4] == [version.name, "1", "ready", "production"]
    assert row[-2:] == ["ada", "k=v"]


def test_an_alias_is_set_listed_and_removed(cli: Cli, version: milepost.ModelVersion) -> None:
    cli.run("registry", "alias", "set", version.name, "champion", "1", "--expected", "0")
    moved = cli.refused("registry", "alias", "set", version.name, "champion", "1", "--expected", "0")
    assert moved.startswith("milepost: ALIAS_MOVED: ")
    assert cli.json("registry", "alias", "list", version.name) == {"aliases": {"champion": "1"}}
    cli.run("registry", "alias", "delete", version.name, "champion", "--yes")
    assert cli.refused("registry", "versions", "show", f"{version.name}@champion").startswith("milepost: ALIAS_NOT")


def test_lists_are_tables_for_people(cli: Cli, version: milepost.ModelVersion) -> None:
    version.set_alias("champion")
    version.set_tags({"team": "risk"})
    listed = cli.out("registry", "models", "list", "-f", f"name = '{version.name}'").splitlines()[1]
    assert listed.split()[:4] == [version.name, "1", "1", "champion=1"]
    assert cli.out("registry", "alias", "list", version.name).split() == [
        *("ALIAS", "VERSION", "PROTECTED", "FOR"),
        *("champion", "1"),
    ]
    assert cli.out("registry", "tags", version.name, "--version", "1").split() == ["KEY", "VALUE", "team", "risk"]
    assert cli.run("registry", "tags", version.name).stderr == "No tags.\n"
    more = cli.run("registry", "events", version.name, "--limit", "1")
    assert "tag set" in more.stdout
    assert more.stderr == "There are more than these 1. Show all with --limit 0.\n"


@pytest.mark.parametrize(
    "command",
    [("models", "delete", "{name}"), ("versions", "delete", "{name}/1"), ("models", "rename", "{name}", "other")],
)
def test_what_others_would_miss_is_named_and_not_done_unasked(
    cli: Cli, version: milepost.ModelVersion, command: tuple[str, ...]
) -> None:
    words = [word.format(name=version.name) for word in command]
    refused = cli.refused("registry", *words, code=2)
    assert refused.startswith("milepost: NOT_CONFIRMED: ")
    assert version.name in refused
    version.refresh()
    cli.run("registry", *words, "--yes")
    with pytest.raises(milepost.errors.NotFoundError):
        version.refresh()


def test_events_say_who_did_what(cli: Cli, version: milepost.ModelVersion) -> None:
    cli.run("registry", "alias", "set", version.name, "champion", "1")
    rows = cli.out("registry", "events", version.name).splitlines()
    assert "alias set" in rows[1]
    assert rows[1].split()[-2:] == ["champion", "1"]
    events = cli.json("registry", "events", version.name)["events"]
    assert [one["kind"] for one in events] == ["KIND_ALIAS_SET", "KIND_VERSION_CREATED", "KIND_MODEL_CREATED"]
    assert all(one["user"] for one in events)


def test_a_watch_prints_each_event_with_a_token_that_goes_on(cli: Cli, version: milepost.ModelVersion) -> None:
    with version._client.registry.watch(version.name) as watched:
        token = watched.start().resume_token
    version.set_tags({"b": "2"})
    command = [sys.executable, "-m", "milepost.cli.main", "-s", cli.address, "registry", "watch", version.name]
    with subprocess.Popen([*command, "--json", "--resume", token], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        process.terminate()
    assert (line["event"]["kind"], line["event"]["field"]) == ("KIND_TAG_SET", "b")
    assert line["resumeToken"]


def test_a_watch_without_json_prints_a_line_for_each_event(cli: Cli, version: milepost.ModelVersion) -> None:
    with version._client.registry.watch(version.name) as watched:
        token = watched.start().resume_token
    version.set_alias("champion")
    command = [sys.executable, "-m", "milepost.cli.main", "-s", cli.address, "registry", "watch", version.name]
    with subprocess.Popen([*command, "--resume", token], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.terminate()
    assert f"alias set  {version.name}/1  champion" in line


def test_a_version_is_copied_on_one_server(cli: Cli, version: milepost.ModelVersion) -> None:
    made = cli.json("registry", "copy", f"{version.name}/1", f"{version.name}-prod")
    assert made["copiedFrom"] == {"name": version.name, "version": "1"}
    assert made["modelId"] == version.model_id


def test_a_version_is_copied_to_another_server(
    cli: Cli, version: milepost.ModelVersion, tmp_path_factory: pytest.TempPathFactory, server: RunningServer
) -> None:
    version.update(description="good", model_card="# Card", tags={"k": "v"})
    version._client.logged_models.update(version.model_id, metrics={"accuracy": 0.9})
    other = RunningServer(tmp_path_factory.mktemp("other"))
    try:
        made = cli.json("registry", "copy", f"models:/{version.name}/1", "fraud", "--to-url", other.grpc_address)
        with milepost.Client(other.grpc_address) as client:
            copied = client.model_versions.get("fraud", 1)
            logged = client.logged_models.get(copied.model_id)
            run = client.runs.get(copied.run_id)
    finally:
        other.stop()
    assert made["copiedFrom"] == {"server": server.http_url, "name": version.name, "version": "1"}
    assert (copied.sha256, copied.description, copied.model_card) == (version.sha256, "good", "# Card")
    assert (logged.params, [metric.value for metric in logged.metrics]) == ({"depth": 3}, [0.9])
    assert run.state is milepost.RunState.FINISHED


def test_a_webhook_is_created_tried_disabled_and_removed(server: RunningServer, cli: Cli) -> None:
    hook = cli.json("registry", "webhooks", "create", "ci", "https://example.invalid/hook", "--kind", "alias_set")
    assert (hook["kinds"], hook.get("secret"), hook["format"]) == (["KIND_ALIAS_SET"], None, "FORMAT_STANDARD")
    tried = cli.run("registry", "webhooks", "test", hook["webhookId"], code=1)
    assert tried.stdout.startswith("no answer: ")
    assert cli.run("registry", "webhooks", "deliveries", hook["webhookId"]).stderr == "No attempts.\n"
    cli.run("registry", "webhooks", "disable", hook["webhookId"])
    assert "disabled" in cli.out("registry", "webhooks", "list", "--limit", "0")
    cli.run("registry", "webhooks", "enable", hook["webhookId"])
    assert cli.refused("registry", "webhooks", "delete", hook["webhookId"], code=2).count("'ci'") == 1
    cli.run("registry", "webhooks", "delete", hook["webhookId"], "--yes")
    assert cli.refused("registry", "webhooks", "deliveries", hook["webhookId"]).startswith("milepost: WEBHOOK_NOT")


def test_attempts_to_send_an_event_are_listed(cli: Cli, version: milepost.ModelVersion) -> None:
    receiver = Receiver(204, 500)
    try:
        hook = cli.json("registry", "webhooks", "create", "ci", receiver.url, "--model", version.name)["webhookId"]
        assert cli.out("registry", "webhooks", "test", hook, "--json")
        version.set_alias("champion")
        receiver.first(3)
        failed = cli.json("registry", "webhooks", "deliveries", hook)["deliveries"][-1]
        assert (failed["attempt"], failed["httpStatus"]) == (1, 500)
        assert "  500: " in cli.out("registry", "webhooks", "deliveries", hook)
        cli.run("registry", "webhooks", "delete", hook, "--yes")
    finally:
        receiver.close()


@pytest.mark.parametrize("reference", ["fraud", "fraud/v3", "fraud/Production", "m-" + 32 * "0", "runs:/a/b"])
def test_what_is_no_version_is_refused_with_advice(cli: Cli, reference: str) -> None:
    result = cli.run("registry", "versions", "show", reference, code=2 if reference.startswith("m-") else 1)
    assert result.stderr


@pytest.mark.parametrize(("command", "prefix"), [("registry versions show", ""), ("models inspect", "models:/")])
def test_names_are_completed(server: RunningServer, version: milepost.ModelVersion, command: str, prefix: str) -> None:
    environment = {
        **os.environ,
        "MILEPOST_TRACKING_URI": server.grpc_address,
        "_MILEPOST_COMPLETE": "complete_bash",
        "COMP_WORDS": f"milepost {command} {prefix}{version.name[:20]}",
        "COMP_CWORD": str(len(command.split()) + 1),
    }
    program = [sys.executable, "-m", "milepost.cli.main"]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert f"{prefix}{version.name}/" in done.stdout


def test_a_model_that_was_downloaded_by_its_uri_can_be_changed(
    cli: Cli, version: milepost.ModelVersion, tmp_path: Path
) -> None:
    assert cli.json("models", "download", version.uri, "-o", str(tmp_path / "copy"))["files"] == 3
    assert all(path.stat().st_mode & stat.S_IWUSR for path in (tmp_path / "copy", *(tmp_path / "copy").iterdir()))


def test_the_cache_is_listed_and_cleared(
    cli: Cli, version: milepost.ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILEPOST_CACHE_DIR", str(tmp_path / "cache"))
    assert cli.json("models", "cache", "list") == {"path": str(tmp_path / "cache"), "models": []}
    program = f"from milepost.models.registry.sources import fetch; fetch({version.uri!r})"
    env = {**os.environ, "MILEPOST_TRACKING_URI": cli.address}
    subprocess.run([sys.executable, "-c", program], env=env, check=True, timeout=60)
    (kept,) = cli.json("models", "cache", "list")["models"]
    assert version.sha256 in cli.out("models", "cache", "list")
    assert (kept["key"], kept["complete"], kept["in_use"]) == (version.sha256, True, False)
    assert "1 model" in cli.refused("models", "cache", "clear", code=2)
    assert cli.json("models", "cache", "clear", "--yes")["removed"] == [version.sha256]
    assert cli.json("models", "cache", "list")["models"] == []
