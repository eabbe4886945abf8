from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.replicas import MOST_SILENCES, Replica, Replicas


def make_replicas(*addresses: str) -> Replicas:
    replicas = Replicas(["tiny"])
    replicas.replace("tiny", addresses)
    for replica in replicas.list_of("tiny"):
        replica.note_answer(healthy=True)
    return replicas


def test_a_new_replica_gets_no_request_before_a_probe_found_it_healthy() -> None:
    replicas = Replicas(["tiny"])
    replicas.replace("tiny", ["10.0.0.1:8000"])

    assert replicas.choose("tiny") is None
    assert not replicas.serve_all()
    replicas.list_of("tiny")[0].note_answer(healthy=True)
    assert replicas.choose("tiny") is replicas.list_of("tiny")[0]
    assert replicas.serve_all()


def test_one_that_stays_is_the_same_and_one_that_goes_gets_no_more_requests() -> None:
    replicas = make_replicas("10.0.0.1:8000", "10.0.0.2:8000")
    going, staying = replicas.list_of("tiny")
    with going.occupy():
        replicas.replace("tiny", ["10.0.0.2:8000"])

        assert replicas.list_of("tiny") == [staying]
        assert replicas.choose("tiny") is staying
        assert going.outstanding == 1


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6))
def test_the_one_with_the_least_outstanding_requests_is_chosen(outstanding: list[int]) -> None:
    replicas = make_replicas(*(f"10.0.0.{number}:8000" for number in range(len(outstanding))))
    for replica, number in zip(replicas.list_of("tiny"), outstanding, strict=True):
        replica.outstanding = number
    chosen = replicas.choose("tiny")

    assert chosen is not None
    assert chosen.outstanding == min(outstanding)
    other = replicas.choose("tiny", avoided=chosen)
    assert other is not chosen
    assert (other is None) == (len(outstanding) == 1)


def test_one_late_answer_is_forgiven_and_a_refusal_is_not() -> None:
    replica = Replica("10.0.0.1:8000", is_up=True)
    for _ in range(MOST_SILENCES - 1):
        replica.note_silence()
    assert replica.is_up
    replica.note_answer(healthy=True)
    for _ in range(MOST_SILENCES - 1):
        replica.note_silence()
    assert replica.is_up
    replica.note_silence()
    assert not replica.is_up
    replica.note_answer(healthy=True)
    assert replica.is_up
    replica.note_refusal()
    assert not replica.is_up


def test_the_table_is_read_by_playbooks() -> None:
    replicas = make_replicas("10.0.0.2:8000", "10.0.0.1:8000")
    replicas.list_of("tiny")[1].note_answer(healthy=False)

    assert replicas.tabulate() == "addr,status\n10.0.0.1:8000,UP\n10.0.0.2:8000,DOWN\n"


def test_an_engine_of_two_models_is_in_the_table_once() -> None:
    replicas = Replicas(["one", "two"])
    for model in ("one", "two"):
        replicas.replace(model, ["10.0.0.1:8000"])
    replicas.list_of("two")[0].note_answer(healthy=True)

    assert replicas.tabulate() == "addr,status\n10.0.0.1:8000,UP\n"
    assert not replicas.serve_all()
