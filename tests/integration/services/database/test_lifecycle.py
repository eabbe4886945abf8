"""Starts, ends and kills: a complete cluster is kept, an unfinished one is made again, a strange one is left alone."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from .container import Container, hand_over, wait_until


def test_a_row_survives_a_kill_and_a_new_start(container: Container) -> None:
    container.start()
    container.query("CREATE TABLE kept (value text)")
    container.query("INSERT INTO kept VALUES ('a row')")

    container.kill()
    container.start()

    assert container.query("SELECT value FROM kept") == [("a row",)]


def test_a_stop_ends_the_server_although_a_client_is_connected(container: Container) -> None:
    container.start()
    client = container.connect()

    assert container.stop() == 0

    with pytest.raises(psycopg.OperationalError):
        client.execute("SELECT 1")
    assert "database system is shut down" in container.log.read_text()


def test_an_interrupted_initialisation_is_done_again(container: Container) -> None:
    container.launch()
    wait_until((container.volume / "cluster.unfinished" / "PG_VERSION").exists, "initdb has begun")
    container.kill()
    # The orphaned initdb goes on for a while; the next start must not write into the same folder at the same time.
    assert container.is_locked()
    assert not container.cluster.exists()

    container.start()

    assert container.query("SELECT 1") == [(1,)]
    assert sorted(path.name for path in container.volume.iterdir()) == ["cluster", "lock"]


def test_no_second_server_gets_the_volume_while_a_process_of_the_first_one_lives(container: Container) -> None:
    container.start()
    assert container.is_locked()

    container.kill()

    wait_until(lambda: not container.is_locked(), "the kernel takes the lock back")


def test_configuration_that_an_old_cluster_holds_is_not_what_counts(container: Container) -> None:
    container.start()
    container.query("ALTER ROLE postgres PASSWORD 'known'")
    container.stop()
    (container.cluster / "pg_hba.conf").write_text("host all all all trust\nlocal all all trust\n")
    with (container.cluster / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = 1MB\nlog_statement = 'all'\n")

    container.start()

    assert container.query("SHOW shared_buffers") == [("256MB",)]
    assert container.query("SHOW log_statement") == [("none",)]
    with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf rejects connection"):
        container.connect(host="127.0.0.1", password="known")


def test_a_cluster_of_another_major_version_is_refused_and_left_alone(container: Container) -> None:
    container.cluster.mkdir(mode=0o700)
    (container.cluster / "PG_VERSION").write_text("17\n")
    hand_over(container.cluster)
    before = _photograph(container.volume)

    ended = container.run()

    assert ended.returncode == 1
    assert "is a cluster of Postgres 17 and this is Postgres 18; nothing was changed" in ended.stderr
    assert _photograph(container.volume) == before


def test_a_folder_that_is_no_cluster_is_refused_and_left_alone(container: Container) -> None:
    (container.cluster / "photos").mkdir(parents=True)
    hand_over(container.cluster)
    before = _photograph(container.volume)

    ended = container.run()

    assert ended.returncode == 1
    assert (
        ended.stderr == f"database: {container.cluster} is no cluster: it has no file PG_VERSION; nothing was changed\n"
    )
    assert _photograph(container.volume) == before


def _photograph(folder: Path) -> dict[str, str]:
    """Return what lies in the folder, without the lock that every start makes."""
    paths = [path for path in folder.rglob("*") if path != folder / "lock"]
    return {str(path): path.read_text() if path.is_file() else "" for path in paths}
