"""The settings page: how this EHR behaves, its simulated faults, its keys, its profile."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from sandbox.pages import EhrPages
from sandbox.security import refuse_foreign_forms
from sandbox.services import EhrServices
from sandbox.vendor import BASIS_WORDS


def settings_blueprint(ehr: EhrPages) -> Blueprint:
    """`/settings`, and what its buttons do."""
    services = ehr.services
    pages = Blueprint("settings", __name__)
    pages.context_processor(ehr.everywhere)

    @pages.get("/settings")
    def show() -> str:
        return render_template(
            "settings.html",
            services=services,
            clients=services.clients.all(),
            behaviours=_behaviours(services),
            departures=services.settings.vendor.departures(),
            basis_words=BASIS_WORDS,
        )

    @pages.post("/settings")
    def change() -> BaseResponse:
        refuse_foreign_forms()
        _set_switches(services)
        return redirect(url_for("settings.show", saved=1), 303)

    @pages.post("/settings/keys")
    def rotate_keys() -> BaseResponse:
        refuse_foreign_forms()
        services.keys.rotate()
        return redirect(url_for("settings.show", rotated=1), 303)

    return pages


def _behaviours(services: EhrServices) -> tuple[tuple[str, bool, str, str], ...]:
    """The switches with their field name, state, label and hint."""
    on = services.switches
    banner = "Sends need_patient_banner: true in the frame too, as EHRs do that hide their banner beside an app."
    return (
        ("banner_in_frame", on.banner_in_frame, "The app shows its patient banner inside our frame", banner),
        (
            "short_tokens",
            on.short_tokens,
            "Access tokens live 60 seconds",
            "To watch an app refresh or lose its session.",
        ),
        (
            "long_token_text",
            on.long_token_text,
            "Access tokens of 2,000 characters",
            "As long as some vendors' tokens are.",
        ),
    )


def _set_switches(services: EhrServices) -> None:
    form, switches, faults = request.form, services.switches, services.faults
    switches.short_tokens = "short_tokens" in form
    switches.long_token_text = "long_token_text" in form
    switches.banner_in_frame = "banner_in_frame" in form
    for fault, _ in faults.switches():
        value = form.get(f"fault-{fault.name}", "")
        if value in fault.choices:
            faults.turn_on(fault.name, value)
        else:
            faults.turn_off(fault.name)
