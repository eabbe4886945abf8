"""A bundle holds whatever can be had, says what could not, and holds no secret; else there is none."""

from __future__ import annotations

import base64
import json
import shlex
import stat
import tarfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from contract.instance import Instance
from offline.command_line import main
from offline.doctor import Finding
from offline.instance import Home, find_home, make_instance
from offline.support_bundle import bundle, containers, instance
from offline.support_bundle import machine as machines
from offline.support_bundle.archive import Archive, write_archive
from offline.support_bundle.parts import Chapter, Part
from offline.support_bundle.redaction import Redaction
from tests.unit.offline.conftest import Machine, Site
from tests.unit.offline.test_stack import printing

SECRET = "s3cr3t/value+with=more"
FORMS = (SECRET, quote(SECRET, safe=""), base64.b64encode(SECRET.encode()).decode())

ROW = {"Names": ["faregate-blue-gateway-1"], "Id": "i", "Image": "gateway:1", "Labels": {}, "Pid": 0, "Created": 0}
INSPECTED = [{"Id": "i", "Config": {"Env": [f"PASSWORD_OF={SECRET}", "MODE=open-mode"]}}]
MOMENT = datetime(2026, 11, 28, 12, tzinfo=UTC)

UPDATE = {"version": 7, "result": "failed", "environment": {"git.head": "abc", "git.author": "Jo", "pulumi.env.X": "y"}}


@pytest.fixture
def folder(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where bundles go."""
    monkeypatch.setattr(bundle, "RESULTS", machine.root / "results")
    return machine.root / "results"


@pytest.fixture
def home(machine: Machine, site: Site, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An instance whose every part tells a secret."""
    monkeypatch.setattr(machines, "list_chapters", lambda _home: [])
    monkeypatch.setattr(instance, "examine_parts", lambda _home: [Finding("gateway", False, f"refuses {SECRET}")])
    found = find_home("blue")
    serve_at(site, make_instance("blue", "test"), "metrics")
    for name in ("targets", "rules", "alerts"):
        site.files[f"/api/v1/{name}"] = json.dumps({"seen": f"{name} {SECRET}"}).encode()
    keep_secret(found, "billing_database_owner", SECRET)
    rendered = found.folder / "files" / "gateway" / "catalog.yaml"
    rendered.parent.mkdir(parents=True)
    rendered.write_text(f"url: http://x/{quote(SECRET, safe='')}\n")
    (found.pulumi_home / "logs").mkdir(parents=True)
    (found.pulumi_home / "logs" / "up.log").write_bytes(b"\0\xff")
    install_podman(machine)
    state = {"resources": [FORMS[2]]}
    machine.install_pulumi(
        {
            "stack export": printing(state),
            "stack output": f"echo no stack {shlex.quote(SECRET)} >&2; exit 1",
            "stack history": printing([UPDATE]),
        }
    )
    return found


@pytest.fixture
def results(home: Home, folder: Path) -> Path:
    """Where the bundle of the instance goes."""
    assert home.exists
    return folder


def serve_at(site: Site, made: Instance, role: str) -> None:
    """Let a port of the instance be the site's."""
    taken = urlsplit(site.url).port
    others = {name: made.ports.model_dump()[role] for name, port in made.ports if port == taken}
    ports = made.ports.model_copy(update={**others, role: taken})
    find_home(made.name).record.write_text(made.model_copy(update={"ports": ports}).model_dump_json())


def keep_secret(home: Home, name: str, value: str) -> None:
    home.demo_key.parent.mkdir(exist_ok=True)
    (home.demo_key.parent / name).write_text(f"{value}\n")


def install_podman(machine: Machine, log: str = f"printf 'one\\ntwo %s\\n' {shlex.quote(SECRET)}") -> None:
    """Put a podman on PATH that knows one container and nothing else."""
    machine.install(
        "podman",
        f"""case "$*" in
ps*) echo {shlex.quote(json.dumps([ROW]))} ;;
"container inspect"*) echo {shlex.quote(json.dumps(INSPECTED))} ;;
*" ls"*json) echo '[]' ;;
logs*) {log} ;;
esac""",
    )


def make(name: str = "blue") -> int:
    return main(["support-bundle", "--instance", name])


def find_archive(results: Path) -> Path:
    (found,) = results.iterdir()
    return found


def read_members(results: Path) -> dict[str, str]:
    """Return the text of each member of the one archive that there is, by its path below the one folder."""
    with tarfile.open(find_archive(results)) as file:
        folder = find_archive(results).name.removesuffix(".tar.gz")
        return {member.name.removeprefix(f"{folder}/"): read(file, member) for member in file}


def read(file: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    content = file.extractfile(member)
    assert content is not None
    return content.read().decode()


# ---- what is in it


def test_it_holds_what_every_part_tells(results: Path) -> None:
    assert make() == 0
    members = read_members(results)
    assert list(members) == [
        "instance/instance.json",
        "instance/status.txt",
        "instance/status.json",
        "instance/files/gateway/catalog.yaml",
        "stack/state.json",
        "stack/history.json",
        "stack/logs.txt",
        "monitoring/prometheus-targets.json",
        "monitoring/prometheus-rules.json",
        "monitoring/prometheus-alerts.json",
        "containers/summary.txt",
        "containers/containers.json",
        "containers/volumes.json",
        "containers/networks.json",
        "containers/secrets.txt",
        "logs/gateway-1.log",
        "README.txt",
    ]
    assert members["instance/status.txt"] == "NOT OK  gateway: refuses [removed: billing_database_owner]\n"
    assert json.loads(members["monitoring/prometheus-rules.json"]) == {
        "seen": "rules [removed: billing_database_owner]"
    }
    assert members["containers/summary.txt"] == "DEAD   faregate-blue-gateway-1  gateway:1\n"
    assert json.loads(members["containers/containers.json"])[0]["Config"]["Env"] == ["MODE", "PASSWORD_OF"]
    assert members["logs/gateway-1.log"] == "one\ntwo [removed: billing_database_owner]\n"
    assert json.loads(members["stack/history.json"]) == [{"version": 7, "result": "failed", "commit": "abc"}]
    assert members["stack/logs.txt"] == "         2  up.log\n"


def test_it_tells_how_the_gateway_answers(home: Home, results: Path, site: Site) -> None:
    serve_at(site, home.read(), "gateway")
    site.files["/v1/models"] = b"no such key"
    site.codes["/v1/models"] = 401
    assert make() == 0
    assert read_members(results)["monitoring/gateway-models.txt"] == "401\nno such key\n"


def test_it_tells_of_machine_and_clone_with_the_names_of_variables_alone(
    machine: Machine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMETHING_OF_MINE", "a-value-of-mine")
    install_podman(machine)
    assert make() == 0
    members = read_members(folder)
    assert {path.partition("/")[0] for path in members} == {"versions", "machine", "containers", "logs", "README.txt"}
    assert "hypothesis==" in members["versions/packages.txt"]
    assert "pulumi        not here\n" in members["versions/tools.txt"]
    assert set(json.loads(members["versions/images-wanted.json"])) >= {"gateway", "engine"}
    assert {row["subject"] for row in json.loads(members["machine/doctor.json"])} >= {"memory", "disk"}
    assert "Max open files" in members["machine/limits.txt"]
    assert "SOMETHING_OF_MINE\n" in members["machine/environment.txt"]
    assert "a-value-of-mine" not in "".join(members.values())


def test_its_members_are_plain_files_of_nobody_under_one_folder(results: Path) -> None:
    assert make() == 0
    path = find_archive(results)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with tarfile.open(path) as file:
        members = file.getmembers()
    folder = path.name.removesuffix(".tar.gz")
    assert folder.endswith("-blue-support-bundle")
    assert {member.name.partition("/")[0] for member in members} == {folder}
    assert {(member.isreg(), member.uid, member.gid, member.uname, member.mode) for member in members} == {
        (True, 0, 0, "", 0o600)
    }
    assert {member.mtime for member in members} == {members[0].mtime}


def test_a_link_is_not_followed(home: Home, results: Path, tmp_path: Path) -> None:
    (tmp_path / "private").write_text("of somebody")
    (home.folder / "files" / "link").symlink_to(tmp_path / "private")
    assert make() == 0
    assert "of somebody" not in "".join(read_members(results).values())


def test_a_log_is_cut_to_its_last_lines(results: Path, machine: Machine) -> None:
    install_podman(machine, log="seq 6000")
    assert make() == 0
    lines = read_members(results)["logs/gateway-1.log"].splitlines()
    assert (len(lines), lines[0], lines[-1]) == (bundle.LOG_LINES, "1001", "6000")


# ---- what is missing


def test_what_can_not_be_had_is_told_in_it_and_on_the_terminal(
    home: Home, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make() == 0
    printed, readme = capsys.readouterr().out, read_members(results)["README.txt"]
    for told in (printed, readme):
        assert "stack/outputs.json: pulumi stack output" in told
        assert "no stack [removed: billing_database_owner]" in told
        assert f"http://127.0.0.1:{home.read().ports.alerts}/api/v2/alerts does not answer" in told
        assert "instance/steps.json: " in told
        assert SECRET not in told
    assert str(find_archive(results)) in printed
    assert "read it before you send it" in printed
    assert "make support-bundle INSTANCE=blue" in readme
    assert "blue, which exists; purpose test" in readme


def test_it_is_made_where_there_is_neither_podman_nor_a_cli(
    results: Path, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.install("podman", "echo podman is broken >&2; exit 125")
    machine.install_pulumi({}, version="v1.0.0")
    assert make() == 0
    printed = capsys.readouterr().out
    assert "stack/state.json: there is no Pulumi CLI yet" in printed
    assert "containers/containers.json: podman ps" in printed
    assert "missing: logs/: podman ps" in printed
    assert "instance/instance.json" in read_members(results)


def test_an_instance_that_does_not_exist_is_said_not_to(
    machine: Machine, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machines, "list_chapters", lambda _home: [])
    install_podman(machine)
    assert make("green") == 0
    printed = capsys.readouterr().out
    assert "instance green does not exist" in printed
    assert "missing" not in printed
    assert "green, which does not exist; purpose unknown" in read_members(folder)["README.txt"]
    assert not machine.state.exists()


def test_an_instance_whose_record_is_damaged_has_one(
    home: Home, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.record.write_text("{")
    assert make() == 0
    assert "given text that is not JSON" in capsys.readouterr().out
    assert read_members(results)["instance/instance.json"] == "{"


def test_an_instance_that_was_made_by_half_has_one_without_its_secrets(home: Home, results: Path) -> None:
    home.record.unlink()
    assert make() == 0
    members = read_members(results)
    assert "blue, which was never made whole; purpose unknown" in members["README.txt"]
    assert members["logs/gateway-1.log"] == "one\ntwo [removed: billing_database_owner]\n"


def let_parts_be(monkeypatch: pytest.MonkeyPatch, *parts: Part) -> None:
    monkeypatch.setattr(instance, "list_chapters", lambda _home: [])
    monkeypatch.setattr(containers, "list_chapters", lambda _home, _lines: [Chapter("Parts", lambda: iter(parts))])


def raise_error(error: BaseException) -> Any:
    raise error


def test_a_defect_in_one_part_hides_no_other(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    let_parts_be(monkeypatch, Part("a", lambda: raise_error(KeyError("Names"))), Part("b", lambda: "text"))
    assert make() == 0
    assert read_members(results)["b"] == "text"
    assert "missing: a: KeyError: 'Names'" in capsys.readouterr().out


# ---- no secret, or no bundle


def test_no_form_of_a_secret_is_anywhere_in_it(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_parts_be(monkeypatch, *(Part(f"name-{form}", partial("text {}".format, form)) for form in FORMS))
    assert make() == 0
    with tarfile.open(find_archive(results)) as file:
        whole = "".join(f"{member.name}\n{read(file, member)}" for member in file)
    assert [form for form in FORMS if form in whole] == []
    assert whole.count("[removed: billing_database_owner]") > 2 * len(FORMS)


def test_a_bundle_that_holds_a_secret_all_the_same_is_removed_and_its_part_named(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Redaction, "redact", lambda _redaction, text: text)
    let_parts_be(monkeypatch, Part("a.txt", lambda: "nothing"), Part("logs/b.log", lambda: f"x {FORMS[2]}"))
    assert make() == 1
    complaint = capsys.readouterr().err
    assert "its part logs/b.log held the value of billing_database_owner" in complaint
    assert SECRET not in complaint
    assert list(results.iterdir()) == []


def test_a_secret_that_came_while_the_bundle_was_made_is_found(
    home: Home, results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def tell() -> str:
        keep_secret(home, "demo_key", "a-key-of-this-moment")
        return "a-key-of-this-moment"

    let_parts_be(monkeypatch, Part("log", tell))
    assert make() == 1
    assert "its part log held the value of demo_key" in capsys.readouterr().err
    assert list(results.iterdir()) == []


def test_a_secret_too_short_to_be_looked_for_is_told(
    home: Home, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_secret(home, "pin", "abc")
    assert make() == 0
    told = "ot looked for, so they may be in it: pin (too short, or what the name says)"
    assert told in capsys.readouterr().out
    assert told in read_members(results)["README.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit()])
def test_an_interrupted_command_leaves_nothing(
    results: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    let_parts_be(monkeypatch, Part("a", lambda: "text"), Part("b", lambda: raise_error(error)))
    if isinstance(error, KeyboardInterrupt):
        assert make() == 130
    else:
        with pytest.raises(SystemExit):
            make()
    assert list(results.iterdir()) == []


def test_a_full_disk_is_no_missing_part(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Archive, "add", lambda *_: raise_error(OSError("no space left")))
    assert make() == 1
    assert capsys.readouterr().err == "error: no space left\n"
    assert list(results.iterdir()) == []


def test_the_same_texts_give_the_same_file(tmp_path: Path) -> None:
    none = Redaction({})
    for folder in ("a", "b"):
        with write_archive(tmp_path / folder / "x.tar.gz", MOMENT, none, lambda: none) as archive:
            archive.add("one", "text")
    assert (tmp_path / "a" / "x.tar.gz").read_bytes() == (tmp_path / "b" / "x.tar.gz").read_bytes()


def test_nothing_lies_under_the_final_name_before_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    none = Redaction({})
    with write_archive(path, MOMENT, none, lambda: none) as archive:
        archive.add("one", "text")
        assert not path.exists()
    assert list(tmp_path.iterdir()) == [path]
