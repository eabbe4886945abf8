"""What the dashboard of service `gateway` shows, and why: plain data, which Grafana's JSON and the page come from."""

from __future__ import annotations

from contract.slo import Latency, Slos
from dashboards.layout import RATE_INTERVAL, Kind, Limit, Panel, Query, Row, Unit
from dashboards.series import BUDGET_LEFT, OBJECTIVE, REPLICAS_UP, REPLICAS_WANTED, error_ratio

SERVICE = "gateway"
TITLE = "Faregate: gateway"

_SERVICE = f'{{service="{SERVICE}"}}'


def list_rows(slos: Slos) -> tuple[Row, ...]:
    """Return everything that is shown, from what an engineer on call asks first."""
    return (
        Row(
            "Service",
            (
                _show_error_ratio(),
                _show_budget_left(),
                _show_alerts(),
                _show_requests(),
                _show_first_byte(slos),
                _show_in_flight(),
            ),
        ),
        Row("Engines", (_show_replicas(), _show_output_tokens(), _show_engine_queues(), _show_stream_endings())),
        Row(
            "Money",
            (
                _show_charged(),
                _show_tokens_settled(),
                _show_holds(),
                _show_settlements_failed(),
                _show_shortfall(),
            ),
        ),
        Row("Load balancer", (_show_load_balancers(), _show_gateways(), _show_sessions(), _show_responses())),
    )


def _rate(metric: str, by: str = "") -> str:
    """Write how much a counter rises a second, of all that have the same labels `by`."""
    return f"{_sum(by)} (rate({metric}[{RATE_INTERVAL}]))"


def _sum(by: str) -> str:
    return f"sum by ({by})" if by else "sum"


def _show_error_ratio() -> Panel:
    return Panel(
        "Error ratio",
        "Share of bad events of the last 5 minutes, by SLO, and the share that its objective allows. Above it the "
        "error budget is overspent in the end: look what else rose in this row, and follow the alert's runbook.",
        Unit.RATIO,
        (
            Query(f"{error_ratio('5m')}{_SERVICE}", "{{slo}}"),
            Query(f"1 - {OBJECTIVE}{_SERVICE}", "{{slo}}: allowed", allowed=True),
        ),
    )


def _show_budget_left() -> Panel:
    return Panel(
        "Error budget left",
        "What is left of the error budget of each SLO's window. Below 0 the promise is broken: roll nothing out but "
        "what mends it.",
        Unit.RATIO,
        (Query(f"{BUDGET_LEFT}{_SERVICE}", "{{slo}}"),),
        kind=Kind.NUMBERS,
        limit=Limit(0, "else overspent", at_least=True),
    )


def _show_alerts() -> Panel:
    return Panel(
        "Firing alerts",
        "How many alerts of each name fire. `make runbook ALERT=NAME` runs the page that says what to do: it lies in "
        "runbooks/pages under the same name.",
        Unit.COUNT,
        (Query('count by (alertname) (ALERTS{alertstate="firing"})', "{{alertname}}"),),
        kind=Kind.NUMBERS,
        limit=Limit(1, "else something is wrong"),
        nothing="none fires, or no rule is loaded",
    )


def _show_requests() -> Panel:
    return Panel(
        "Requests by status",
        "Requests a second, by class of HTTP status; gone: the client left before an answer. 5xx are the service's "
        "fault; many 4xx are often one customer's: the gateways' log says whose.",
        Unit.REQUESTS_PER_SECOND,
        (Query(_rate("faregate_gateway_requests_total", "status"), "{{status}}"),),
    )


def _show_first_byte(slos: Slos) -> Panel:
    def quantile(share: float) -> str:
        return f"histogram_quantile({share}, {_rate('faregate_gateway_first_word_seconds_bucket', 'le')})"

    return Panel(
        "First byte",
        "Seconds from a request to the first byte of its answer: half of them, and 99 of 100, are within. If it rises "
        "with deferred requests, the engines are busy: add replicas; if not, look at the ledger's database.",
        Unit.SECONDS,
        (Query(quantile(0.5), "p50"), Query(quantile(0.99), "p99")),
        limit=_find_first_token_limit(slos),
    )


def _find_first_token_limit(slos: Slos) -> Limit | None:
    """Return the strictest threshold of an SLO of the first token, as it is on AWS."""
    thresholds = [
        Limit(slo.indicator.threshold_ms / 1000, f"threshold of {name}")
        for name, slo in slos.slos.items()
        if slo.service == SERVICE and isinstance(slo.indicator, Latency) and slo.indicator.quantity == "first_token"
    ]
    return min(thresholds, key=lambda limit: limit.value, default=None)


def _show_in_flight() -> Panel:
    return Panel(
        "Requests in flight",
        "Requests that the gateways serve now. If it climbs while requests a second do not, answers hang: look at the "
        "engines' queues.",
        Unit.COUNT,
        (Query("sum(faregate_gateway_requests_in_flight)", "in flight"),),
    )


def _show_replicas() -> Panel:
    of_engines = '{job="engine"}'
    return Panel(
        "Replicas of engines",
        "Engines that answer Prometheus, that should run, and to which the gateways lead requests, by model. If fewer "
        "are up than wanted, `ansible-playbook playbooks/site.yml` replaces what is missing or dead.",
        Unit.COUNT,
        (
            Query(f"sum by (model) ({REPLICAS_UP}{of_engines})", "{{model}}: up"),
            Query(f"sum by (model) ({REPLICAS_WANTED}{of_engines})", "{{model}}: wanted", allowed=True),
            Query("min by (model) (faregate_gateway_replicas_up)", "{{model}}: led to"),
        ),
    )


def _show_output_tokens() -> Panel:
    return Panel(
        "Output tokens of engines",
        "Tokens that the engines generate a second, by model. If it falls while requests are deferred, engines are "
        "slower than they were: look at their hosts.",
        Unit.TOKENS_PER_SECOND,
        (Query(_rate("llamacpp:tokens_predicted_total", "model"), "{{model}}"),),
    )


def _show_engine_queues() -> Panel:
    return Panel(
        "Requests in engines",
        "Requests that engines work on, and that wait in them for a slot, by model. Deferred requests that stay mean "
        "that replicas are too few.",
        Unit.COUNT,
        (
            Query("sum by (model) (llamacpp:requests_processing)", "{{model}}: processing"),
            Query("sum by (model) (llamacpp:requests_deferred)", "{{model}}: deferred"),
        ),
    )


def _show_stream_endings() -> Panel:
    return Panel(
        "Streams by what ended them",
        "Streams a second that ended complete, because the client left, the gateway drained, the engine failed, the "
        "ledger was away or the wallet was spent. Engine and ledger are the service's fault.",
        Unit.ANSWERS_PER_SECOND,
        (Query(_rate("faregate_gateway_stream_endings_total", "reason"), "{{reason}}"),),
    )


def _show_charged() -> Panel:
    return Panel(
        "Charged",
        "What settlements charge, as USD an hour, by model. Tokens that are generated and not charged are money lost: "
        "look at failed settlements and shortfall.",
        Unit.USD_PER_HOUR,
        (Query(f"3600 * {_rate('faregate_gateway_charged_nanodollars_total', 'model')} / 1e9", "{{model}}"),),
    )


def _show_tokens_settled() -> Panel:
    return Panel(
        "Tokens settled",
        "Tokens a second that settlements charge, by unit. Output must follow what the engines generate; where it does "
        "not, `python -m services.billing prove` says whether the books are right.",
        Unit.TOKENS_PER_SECOND,
        (Query(_rate("faregate_gateway_tokens_total", "unit"), "{{unit}}"),),
    )


def _show_holds() -> Panel:
    return Panel(
        "Holds and settlements under way",
        "Holds that are not settled yet, and settlements that wait for the ledger. If the latter pile up, the ledger's "
        "database is away or slow; they are kept in the gateways' memory, so restart no gateway.",
        Unit.COUNT,
        (
            Query("sum(faregate_gateway_holds_open)", "holds open"),
            Query("sum(faregate_gateway_settlements_queued)", "settlements queued"),
        ),
    )


def _show_settlements_failed() -> Panel:
    return Panel(
        "Settlements failed in an hour",
        "Settlements that the ledger refused for good in the last hour: what was delivered is not charged. The "
        "gateways' log names the requests; `python -m services.billing show REQUEST_ID` tells their holds.",
        Unit.COUNT,
        (Query("sum(increase(faregate_gateway_settlements_failed_total[1h]))", "failed"),),
        kind=Kind.NUMBERS,
        limit=Limit(1, "else money is lost"),
    )


def _show_shortfall() -> Panel:
    return Panel(
        "Shortfall in an hour",
        "What was delivered in the last hour and could not be charged, because the hold's lease had ended, by model. "
        "Gateways did not renew leases in time: look whether they, or the ledger's database, were away.",
        Unit.USD,
        (
            Query(
                f"{_sum('model')} (increase(faregate_gateway_shortfall_nanodollars_total[1h])) / 1e9",
                "{{model}}",
            ),
        ),
        kind=Kind.NUMBERS,
        limit=Limit(1e-9, "else money is lost"),
    )


def _show_load_balancers() -> Panel:
    return Panel(
        "Replicas of load balancers",
        "Load balancers that answer Prometheus, and that should run. With none customers get no connection, and nobody "
        "counts their errors: `ansible-playbook playbooks/site.yml` replaces what is missing or dead.",
        Unit.COUNT,
        _compare_replicas("load-balancer"),
    )


def _show_gateways() -> Panel:
    return Panel(
        "Replicas of gateways",
        "Gateways that answer Prometheus, that should run, and to which the load balancer leads requests. With none in "
        "rotation customers get 503: `ansible-playbook playbooks/site.yml` replaces what is missing or dead.",
        Unit.COUNT,
        (
            *_compare_replicas("gateway"),
            Query('sum(haproxy_backend_active_servers{proxy="replicas"})', "in rotation"),
        ),
    )


def _compare_replicas(job: str) -> tuple[Query, Query]:
    """Ask how many replicas of a part are up, and how many are wanted."""
    of_job = f'{{job="{job}"}}'
    return Query(f"sum({REPLICAS_UP}{of_job})", "up"), Query(f"sum({REPLICAS_WANTED}{of_job})", "wanted", allowed=True)


def _show_sessions() -> Panel:
    return Panel(
        "Sessions",
        "Connections of customers that are open at the load balancer. Near its `maxconn` new ones wait: raise it in "
        "playbooks/templates/haproxy.cfg.j2, or find who keeps so many.",
        Unit.COUNT,
        (Query('sum(haproxy_frontend_current_sessions{proxy="entrance"})', "open"),),
    )


def _show_responses() -> Panel:
    return Panel(
        "Responses by class",
        "Responses a second that the load balancer gives, by class. 5xx that the gateways did not count are its own: "
        "no gateway was in rotation, or one went away before its answer began; look at the replicas of gateways.",
        Unit.ANSWERS_PER_SECOND,
        (Query(_rate('haproxy_frontend_http_responses_total{proxy="entrance"}', "code"), "{{code}}"),),
    )
