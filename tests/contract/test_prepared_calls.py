"""The calls the embedded EHR's bench proposes bring what they promise, from the product, over HTTP."""

import html
import re
from collections.abc import Iterator

import pytest

from sandbox.prepared_cases import PREPARED_CALLS, PreparedCall
from tests.builders.two_servers import Browser, TwoServers, two_servers

PROMISED = {
    "Triple: the diuretic is one too many": "furosemide, ibuprofen, ramipril together",
    "Triple: the NSAID is one too many": "ibuprofen, lisinopril, furosemide together",
    "Vancomycin with piperacillin-tazobactam": "Vancomycin with piperacillin-tazobactam",
    "Metformin with a low eGFR": "metformin: eGFR 22",
    "A DOAC with a low clearance": "rivaroxaban",
    "Contrast in AKI stage 3": "iohexol (iodinated contrast) in AKI stage 3",
    "Silence": None,
    "Opening the chart in AKI stage 3": "KDIGO stage 3",
}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoServers]:
    with two_servers("standard", tmp_path_factory.mktemp("prepared")) as running:
        yield running


@pytest.mark.parametrize("call", PREPARED_CALLS, ids=lambda call: call.title)
def test_a_prepared_call_brings_the_card_it_promises(servers: TwoServers, call: PreparedCall) -> None:
    page = Browser().get(f"{servers.ehr_url}/bench?{call.query(call.record)}")
    summaries = [html.unescape(each) for each in re.findall(r"cds-indicator.*?<h3>(.*?)</h3>", page.text, re.S)]
    assert 'class="problem"' not in page.text
    promised = PROMISED[call.title]
    assert summaries == [] if promised is None else any(promised in each for each in summaries)


def test_the_bench_lists_them(servers: TwoServers) -> None:
    page = html.unescape(Browser().get(f"{servers.ehr_url}/bench").text)
    assert [title for title in PROMISED if f">{title}</a>" not in page] == []
