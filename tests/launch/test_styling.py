"""An EHR may colour this app; it may not write CSS into it (SL-49)."""

import re

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.wrappers import Response

from launch.styling import Styles, css_variables, usable_style
from tests.builders.fake_ehr import FakeEhr, json_response
from tests.builders.registrations import local_registration

PLAIN = {
    "color_background": "#edeae3",
    "color_text": "#333",
    "dim_border_radius": "6px",
    "dim_font_size": "0.875rem",
    "font_family_body": "Georgia, Times, 'Times New Roman', serif",
}


def test_plain_values_of_the_named_keys_come_through_as_custom_properties() -> None:
    assert usable_style({**PLAIN, "color_unknown": "#fff"}) == PLAIN
    assert css_variables({"color_text": "#333", "dim_font_size": "14px"}) == (
        ":root{--smart-color-text:#333;--smart-dim-font-size:14px;}"
    )
    assert css_variables({}) == ""


@pytest.mark.parametrize(
    "value",
    [
        "red",
        "#12345",
        "#fff;}body{display:none",
        "url(https://evil.test/x)",
        "expression(alert(1))",
        "#fff/**/",
        "#fff\n",
        "var(--x)",
        "</style><script>",
        "'a';}*{color:red",
        "a\\62 c",
        7,
        None,
        ["#fff"],
    ],
)
def test_a_value_of_any_other_form_is_dropped(value: object) -> None:
    assert usable_style(dict.fromkeys(("color_text", "dim_font_size", "font_family_body"), value)) in (
        {},
        {"font_family_body": "red"},
    )


@given(st.dictionaries(st.sampled_from([*PLAIN, "x"]), st.text() | st.sampled_from(["#fff", "2px"])))
def test_no_value_can_leave_its_declaration(published: dict[str, str]) -> None:
    assert re.fullmatch(r"(:root\{(--smart-[a-z\-]+:[^;{}<>\\/@()]+;)+\})?", css_variables(published))


def _styles() -> Styles:
    session = requests.Session()
    return Styles(lambda _: session)


def test_a_style_is_fetched_once_from_the_ehrs_own_origin(ehr: FakeEhr) -> None:
    ehr.answers["/style.json"] = lambda _: json_response(PLAIN)
    styles, hospital = _styles(), local_registration(ehr.base_url)
    for _ in range(2):
        assert styles.fetch(hospital, f"{ehr.base_url}/style.json") == PLAIN
    assert ehr.paths() == ["/style.json"]


@pytest.mark.parametrize("url", [None, "https://evil.test/style.json", "javascript:alert(1)", "//evil.test/x"])
def test_a_style_elsewhere_is_never_fetched(no_network, url: str | None) -> None:
    hospital = local_registration("http://127.0.0.1:9090")
    assert _styles().fetch(hospital, url) == {}
    assert no_network() == 0


@pytest.mark.parametrize("answer", [Response(status=500), Response("<html>"), json_response(["#fff"])])
def test_a_failure_means_our_own_looks(ehr: FakeEhr, answer: Response) -> None:
    ehr.answers["/style.json"] = lambda _: answer
    assert _styles().fetch(local_registration(ehr.base_url), f"{ehr.base_url}/style.json") == {}
