"""The issuer's keys: refetched once for an unknown kid, never guessed among several (SL-43)."""

from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from launch.errors import EhrUnavailable
from launch.jwks import FetchedKeys, usable_keys


def _public(key: ECKey | RSAKey, **changes: Any) -> dict[str, Any]:
    return {**key.as_dict(private=False), **changes}


P384, P256, RSA = ECKey.generate_key("P-384"), ECKey.generate_key("P-256"), RSAKey.generate_key(2048)


@pytest.mark.parametrize("seconds", [11, -600], ids=["later", "clock set back"])
def test_a_key_rotated_in_meanwhile_is_found_by_one_refetch(clock, seconds: int) -> None:
    published: list[dict[str, Any]] = [_public(P256, kid="old")]
    fetched: list[int] = []

    def fetch() -> dict[str, Any]:
        fetched.append(1)
        return {"keys": published}

    keys = FetchedKeys(fetch, clock)
    assert keys.find("new", "ES384") is None
    assert len(fetched) == 1
    published.append(_public(P384, kid="new"))
    clock.advance(seconds=seconds)
    assert keys.find("new", "ES384") is not None
    assert len(fetched) == 2


def test_unknown_kids_in_a_row_do_not_hammer_the_issuer(clock) -> None:
    fetched: list[int] = []
    keys = FetchedKeys(lambda: fetched.append(1) or {"keys": []}, clock)
    for number in range(20):
        assert keys.find(f"kid-{number}", "ES384") is None
    assert len(fetched) == 1


def test_an_issuer_that_hangs_is_waited_for_once_in_ten_seconds_and_not_by_every_launch(clock) -> None:
    tried: list[int] = []

    def fetch() -> dict[str, Any]:
        tried.append(1)
        if len(tried) == 1:
            clock.advance(seconds=20)
            raise EhrUnavailable("OutboundTimeout")
        return {"keys": [_public(P384, kid="a")]}

    keys = FetchedKeys(fetch, clock)
    for _ in range(8):
        with pytest.raises(EhrUnavailable):
            keys.find("a", "ES384")
    assert len(tried) == 1
    clock.advance(seconds=11)
    assert keys.find("a", "ES384") is not None


def test_without_kid_the_only_fitting_key_is_taken_and_of_two_none(clock) -> None:
    one = FetchedKeys(lambda: {"keys": [_public(P384), _public(RSA)]}, clock)
    two = FetchedKeys(lambda: {"keys": [_public(P384), _public(ECKey.generate_key("P-384"))]}, clock)
    assert one.find(None, "ES384") is not None
    assert two.find(None, "ES384") is None


def test_a_doubled_kid_is_no_certain_choice(clock) -> None:
    doubled = [_public(P384, kid="a"), _public(ECKey.generate_key("P-384"), kid="a")]
    assert FetchedKeys(lambda: {"keys": doubled}, clock).find("a", "ES384") is None


def test_the_curve_must_fit_the_algorithm(clock) -> None:
    keys = FetchedKeys(lambda: {"keys": [_public(P256, kid="a")]}, clock)
    assert keys.find("a", "ES384") is None
    assert keys.find("a", "ES256") is not None


@pytest.mark.parametrize(
    "entry",
    [
        {"kty": "oct", "k": "AAAA"},
        {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"},
        {"kty": "RSA"},
        _public(P384, use="enc"),
        _public(RSA, n=RSA.as_dict(private=False)["n"][:171]),
        "x",
        None,
        {},
    ],
)
def test_an_unusable_key_is_skipped_and_the_others_serve(entry: Any) -> None:
    assert len(usable_keys({"keys": [entry, _public(P384, kid="good")]})) == 1


@pytest.mark.parametrize("jwks", [{}, {"keys": None}, {"keys": {}}])
def test_what_is_no_key_set_holds_no_keys(jwks: dict[str, Any]) -> None:
    assert usable_keys(jwks) == ()
