"""Spot notices of AWS are read from its metadata service, and each new one is reported to Ray once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from slomo_batch.cli.main import main
from slomo_batch.cluster.imds import Metadata
from slomo_batch.cluster.spot import Departure, departure, is_news, read_notice, watch
from slomo_batch.errors import ClusterError
from tests.imds_server import Imds, imds_serving

NOTICE = '{"action": "terminate", "time": "2027-01-31T08:22:00Z"}'
REBALANCE = '{"noticeTime": "2027-01-31T07:50:00Z"}'
AT = datetime(2027, 1, 31, 8, 22, tzinfo=UTC)


# ---- reading notices -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["terminate", "stop", "hibernate"])
def test_a_notice_has_an_action_and_a_time(action: str) -> None:
    heard = read_notice(NOTICE.replace("terminate", action))
    assert heard.deadline == AT
    assert action in heard.why


@pytest.mark.parametrize("time", ["2027-01-31T10:22:00+02:00", "2027-01-31T08:22:00"])
def test_a_time_without_a_zone_is_utc_and_any_zone_is_parsed(time: str) -> None:
    assert read_notice(f'{{"action": "stop", "time": "{time}"}}').deadline == AT


@pytest.mark.parametrize(
    "document",
    ["", "terminate", "[]", "{}", "null", '{"action": "stop"}', '{"action": "stop", "time": 12}', '{"time": "soon"}'],
)
def test_an_unreadable_notice_counts_without_its_time(document: str) -> None:
    assert read_notice(document).deadline is None


def test_a_notice_outranks_a_recommendation() -> None:
    assert departure(None, None) is None
    recommended = departure(None, REBALANCE)
    assert recommended is not None
    assert recommended.deadline is None
    assert departure(NOTICE, REBALANCE) == read_notice(NOTICE)


def test_a_departure_is_reported_again_only_with_a_new_time() -> None:
    likely, sure = Departure(why="likely"), Departure(why="sure", deadline=AT)
    later = Departure(why="later", deadline=AT.astimezone(timezone(timedelta(hours=2))) + timedelta(minutes=1))
    assert is_news(likely, None)
    assert is_news(sure, None)
    assert is_news(sure, likely)
    assert not is_news(likely, likely)
    assert not is_news(likely, sure)
    assert not is_news(later, sure)


# ---- with a service ------------------------------------------------------------------------------------------------


@pytest.fixture
def imds() -> Iterator[Imds]:
    with imds_serving() as imds:
        yield imds


def test_an_item_is_fetched_with_a_token_and_a_missing_one_is_none(imds: Imds) -> None:
    metadata = Metadata(imds.endpoint + "/")
    assert metadata.get("instance-life-cycle") == "spot"
    assert metadata.get("spot/instance-action") is None
    assert len(imds.tokens) == 1


def test_an_expired_token_is_renewed(imds: Imds) -> None:
    metadata = Metadata(imds.endpoint)
    assert metadata.get("instance-life-cycle") == "spot"
    imds.tokens.clear()
    assert metadata.get("instance-life-cycle") == "spot"


def test_the_address_comes_from_the_variable_and_no_proxy_is_used(imds: Imds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.endpoint)
    assert Metadata().get("instance-life-cycle") == "spot"
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "file:///etc/passwd")
    with pytest.raises(ClusterError, match="not the address of a metadata service"):
        Metadata()


def test_a_missing_service_is_reported(imds: Imds) -> None:
    with pytest.raises(ClusterError, match="exists on EC2 only"):
        Metadata("http://127.0.0.1:9").get("instance-life-cycle")
    imds.failures = 1
    with pytest.raises(ClusterError, match="500"):
        Metadata(imds.endpoint).get("instance-life-cycle")


class Cluster:
    """Records departures; refuses the first `refusals` of them."""

    def __init__(self, *, is_node: bool = True, refusals: int = 0) -> None:
        self.departures: list[Departure] = []
        self.is_node, self.refusals = is_node, refusals

    def leave(self, departure: Departure) -> bool:
        if self.refusals:
            self.refusals -= 1
            raise ClusterError("the cluster's head does not answer")
        self.departures.append(departure)
        return self.is_node


def watched(imds: Imds, cluster: Cluster, *, heeds_rebalance: bool = True) -> tuple[str, list[str]]:
    said: list[str] = []
    metadata = Metadata(imds.endpoint)
    why = watch(metadata, cluster.leave, heeds_rebalance=heeds_rebalance, say=said.append, poll_s=0.01)
    return why, said


def test_a_notice_is_passed_on_with_its_time_and_ends_the_watch(imds: Imds) -> None:
    imds.items["spot/instance-action"] = NOTICE
    cluster = Cluster()
    why, _ = watched(imds, cluster)
    assert [departure.deadline for departure in cluster.departures] == [AT]
    assert "reported to Ray" in why


def test_a_recommendation_is_passed_on_and_the_watch_goes_on_for_the_notice(imds: Imds) -> None:
    imds.items["events/recommendations/rebalance"] = REBALANCE
    cluster = Cluster()

    def leave(departure: Departure) -> bool:
        imds.items["spot/instance-action"] = NOTICE
        return cluster.leave(departure)

    watch(Metadata(imds.endpoint), leave, heeds_rebalance=True, say=lambda _: None, poll_s=0.01)
    assert [departure.deadline for departure in cluster.departures] == [None, AT]


def test_a_recommendation_may_be_ignored(imds: Imds) -> None:
    imds.items |= {"events/recommendations/rebalance": REBALANCE, "spot/instance-action": NOTICE}
    cluster = Cluster()
    watched(imds, cluster, heeds_rebalance=False)
    assert [departure.deadline for departure in cluster.departures] == [AT]
    assert "events/recommendations/rebalance" not in imds.asked


def test_transient_failures_are_retried(imds: Imds) -> None:
    imds.items["spot/instance-action"] = NOTICE
    cluster = Cluster(refusals=2)
    _, said = watched(imds, cluster)
    assert len(cluster.departures) == 1
    assert sum("does not answer; asking again" in line for line in said) == 2


def test_a_node_that_ray_has_removed_needs_no_watch(imds: Imds) -> None:
    imds.items["spot/instance-action"] = NOTICE
    why, _ = watched(imds, Cluster(is_node=False))
    assert "no longer a node" in why


def test_a_machine_that_is_not_spot_needs_no_watch(imds: Imds) -> None:
    imds.items["instance-life-cycle"] = "on-demand"
    why, _ = watched(imds, Cluster())
    assert "on-demand, not spot" in why
    assert imds.asked == ["instance-life-cycle"]


def test_the_command_reports_a_missing_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cluster", "spot-watch", "--address", "nonsense:x:y"]) == 3
    assert "no Ray runs on this machine" in capsys.readouterr().err
