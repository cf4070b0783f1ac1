"""The alert rules and the dashboard name metrics that exist, with labels that they have; each rule is explained."""

import json
import re

import pytest

from concert_site.embedded.data_dir import PROJECT
from concert_site.lib import metrics
from concert_site.lib.database.replica import LagWatch
from concert_site.lib.metrics import CounterMetric, HistogramMetric
from concert_site.operations import copy_figures, site_figures
from concert_site.operations.copy_figures import CopyFigures
from concert_site.operations.metrics_page import ProcessFigures
from concert_site.operations.site_figures import SiteFigures
from reservations.tests.factories import make_schedule, make_seats

MONITORING = PROJECT / "deploy" / "monitoring"
RULES = (MONITORING / "alerts.yml").read_text()
ALERTS = re.findall(r"- alert: (\w+)", RULES)
EXPRESSIONS = re.findall(r"expr: '(.*)'$", RULES, re.MULTILINE) + [
    target["expr"]
    for panel in json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    for target in panel["targets"]
]
NAME = re.compile(r"\bfrontrow_\w+")
LABELS = re.compile(r"(frontrow_\w+)\{([^}]*)\}")
GROUPED = re.compile(r"by \(([^)]*)\) \(+(?:\w+\()?(frontrow_\w+)")


def counted():
    """What processes count: names as they are told, with their labels."""
    found = {}
    for each in metrics.Metric.every:
        if isinstance(each, CounterMetric):
            names = [f"{each.name}_total"]
        elif isinstance(each, HistogramMetric):
            names = [f"{each.name}_{end}" for end in ("bucket", "count", "sum")]
        else:
            names = [each.name]
        found |= {name: {*each.labels, *({"le"} if name.endswith("_bucket") else ())} for name in names}
    return found


@pytest.fixture
def told(tmp_path, settings, monkeypatch):
    """All that the page tells beside what is counted."""
    settings.BACKUP_TO = str(tmp_path)
    monkeypatch.setattr(copy_figures, "is_configured", lambda: True)
    monkeypatch.setattr(copy_figures, "lag_watch", LagWatch())
    monkeypatch.setattr(copy_figures.lag_watch, "_start", lambda: None)
    make_seats(make_schedule(), 1)
    site = [*SiteFigures().collect(), *site_figures.read_postgres(), *site_figures.lines([])]
    return [*site, *ProcessFigures(tmp_path).collect(), *CopyFigures().collect()]


@pytest.fixture
def families(told):
    """Name, labels and help of each metric."""
    own = [
        (f"{each.name}_total" if isinstance(each, CounterMetric) else each.name, each.labels, each.what)
        for each in metrics.Metric.every
    ]
    return own + [(name_of(family), family._labelnames, family.documentation) for family in told]


@pytest.fixture
def existing(told):
    """All that the page can say: names, with their labels."""
    return counted() | {name_of(family): set(family._labelnames) for family in told}


def name_of(family):
    return family.name + ("_total" if family.type == "counter" else "")


@pytest.mark.django_db(transaction=True)
def test_every_metric_that_rules_and_dashboard_name_exists(existing):
    named = {name for expression in EXPRESSIONS for name in NAME.findall(expression)}

    assert named - existing.keys() == set()
    assert len(named) > 50


@pytest.mark.django_db(transaction=True)
def test_every_label_that_they_ask_for_is_one_of_its_metric(existing):
    asked = {
        (name, label) for text in EXPRESSIONS for name, pairs in LABELS.findall(text) for label in labels_in(pairs)
    }
    asked |= {
        (name, label.strip())
        for text in EXPRESSIONS
        for labels, name in GROUPED.findall(text)
        for label in labels.split(",")
    }

    assert {(name, label) for name, label in asked if label not in existing[name]} == set()
    assert len(asked) > 30


def labels_in(pairs):
    return re.findall(r"(\w+)=", pairs)


@pytest.mark.django_db(transaction=True)
def test_the_manual_names_no_metric_that_does_not_exist(existing):
    named = NAME.findall((PROJECT / "docs" / "monitoring.md").read_text())
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in existing} | existing.keys()

    assert {name for name in named if name not in families and not name.endswith("_")} == set()


@pytest.mark.django_db(transaction=True)
def test_the_manual_has_each_metric_with_its_labels_and_what_it_says(families):
    manual = (PROJECT / "docs" / "monitoring.md").read_text()

    rows = {f"| `{name}` | {', '.join(labels)} | {what} |" for name, labels, what in families}

    assert re.findall(r"^\| `frontrow_.*$", manual, re.MULTILINE) == sorted(rows)


def test_every_alert_is_explained_and_tried():
    manual, tried = (PROJECT / "docs" / "monitoring.md").read_text(), (MONITORING / "alerts_test.yml").read_text()

    assert re.findall(r"^### (Frontrow\w+)$", manual, re.MULTILINE) == ALERTS
    assert [name for name in ALERTS if f"  - name: {name}\n" not in tried] == []
    assert re.findall(r"runbook: docs/monitoring.md#(\w+)", RULES) == [name.lower() for name in ALERTS]
