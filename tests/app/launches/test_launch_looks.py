"""Whose frame a launch may show in, whose looks it takes, and what of it is written down nowhere."""

from pathlib import Path

from werkzeug.wrappers import Response

from app.telemetry.logs import configure_logs
from tests.builders.fake_ehr import json_response
from tests.builders.launching import begin, come_back, launch_id_in


def test_launch_pages_may_be_framed_by_their_ehr_only(client, ehr, other_ehr) -> None:
    begun, asked = begin(client, ehr)
    refused = come_back(client, state=asked["state"], error="access_denied")
    for response in (begun, refused):
        policy = response.headers["Content-Security-Policy"]
        assert policy.endswith(f"frame-ancestors {ehr.base_url}")
        assert "X-Frame-Options" not in response.headers
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cache-Control"] == "no-store"
    foreign = client.get("/health").headers["Content-Security-Policy"]
    assert foreign.endswith("frame-ancestors 'none'")


def test_marked_secrets_appear_in_no_log_no_page_and_no_address(
    client, services, ehr, capfd, tmp_path: Path
) -> None:
    configure_logs("DEBUG")  # again, onto the captured stream
    mark = "canary7f3a"
    ehr.token_response |= {"access_token": f"at-{mark}", "patient": f"p-{mark}", "tenant": f"t-{mark}"}
    pages = []
    _, asked = begin(client, ehr, f"launch-{mark}")
    pages.append(come_back(client, state=asked["state"], code=f"code-{mark}"))
    patient_page = client.get(pages[0].headers["Location"], base_url="https://aki")
    ehr.answers["/auth/token"] = lambda _: Response(f'{{"error": "x-{mark}"}}', status=400)
    for answer in (
        {"error": f"e-{mark}"},
        {"code": f"code-{mark}"},
        {"code": f"code-{mark}", "state": f"s-{mark}"},
    ):
        _, asked = begin(client, ehr, f"launch-{mark}")
        pages.append(come_back(client, **{"state": asked["state"], **answer}))
    pages.append(client.get("/launch", query_string={"iss": f"https://{mark}.test", "launch": mark}))
    pages.append(client.get(f"/p/{mark}/", base_url="https://aki"))
    services.engine.dispose()
    written = capfd.readouterr()
    assert written.err.count('"event": "answered"') > len(pages)
    for text in (written.out, written.err, *(page.text + str(page.headers) for page in pages)):
        assert mark not in text
    assert mark not in str(patient_page.headers)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("aki.sqlite3*"))
    assert f"at-{mark}".encode() not in stored


def test_the_ehrs_font_and_corners_reach_the_page_and_nothing_else_of_its_style(client, ehr) -> None:
    ehr.token_response["smart_style_url"] = f"{ehr.base_url}/style.json"
    published = {"font_family_body": "Georgia, serif", "dim_border_radius": "2px", "color_text": "red;}"}
    ehr.answers["/style.json"] = lambda _: json_response(published)
    _, asked = begin(client, ehr)
    launch_id = launch_id_in(come_back(client, state=asked["state"], code="c"))
    style = client.get(f"/p/{launch_id}/style.css", base_url="https://aki")
    assert style.mimetype == "text/css"
    assert style.text == ":root{--smart-dim-border-radius:2px;--smart-font-family-body:Georgia, serif;}"


def test_a_style_kept_elsewhere_is_not_fetched_and_the_page_keeps_its_own_looks(client, ehr, other_ehr) -> None:
    ehr.token_response["smart_style_url"] = f"{other_ehr.base_url}/style.json"
    _, asked = begin(client, ehr)
    launch_id = launch_id_in(come_back(client, state=asked["state"], code="c"))
    assert client.get(f"/p/{launch_id}/style.css", base_url="https://aki").text == ""
    assert other_ehr.asked == []
