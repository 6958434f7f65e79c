"""What a certification suite finds wrong in a client's requests (SMART App Launch 2.2; RFC 6749, 7523, 7636).

Each function yields the faults of one request. It shares no code with the product's client and takes nothing on
trust: what the specification does not name is a fault too.
"""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import import_key

Pairs = Sequence[tuple[str, str]]
Authentication = Literal["public", "symmetric", "asymmetric"]

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_AUTHENTICATION_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "public": frozenset({"client_id"}),
    "symmetric": frozenset(),
    "asymmetric": frozenset({"client_assertion_type", "client_assertion"}),
}
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_STATE_BITS: Final = 122
_ASSERTION_SECONDS: Final = 300
_ACTIONS: Final = {"v1": r"read|write|\*", "v2": r"(?!\?|$)c?r?u?d?s?"}


@dataclass(frozen=True)
class Registered:
    """The client as the suite's user registered it."""

    client_id: str
    authentication: Authentication
    redirect_uri: str
    secret: str = field(default="", repr=False)
    alg: str = ""
    jwks: Callable[[], Mapping[str, Any]] = dict


def parameter_faults(sent: Pairs, required: set[str], optional: frozenset[str] = frozenset()) -> Iterator[str]:
    """What is missing, what nobody asked for, what is sent twice."""
    counts = Counter(name for name, _ in sent)
    yield from (f"{name} is missing" for name in sorted(required - counts.keys()))
    yield from (f"{name} does not belong here" for name in sorted(counts.keys() - required - optional))
    yield from (f"{name} is sent {count} times" for name, count in counts.items() if count > 1)


def authorization_faults(
    sent: Pairs, client: Registered, *, aud: str, launch: str | None, syntax: str
) -> Iterator[str]:
    """An authorization request; `launch` is None for a standalone launch."""
    values = dict(sent)
    expected = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "aud": aud,
        "code_challenge_method": "S256",
        **({} if launch is None else {"launch": launch}),
    }
    identity = {"nonce"} if "openid" in values.get("scope", "").split() else set()
    yield from parameter_faults(sent, {*expected, "scope", "state", "code_challenge", *identity})
    yield from (f"{name} is wrong" for name, value in expected.items() if values.get(name, value) != value)
    yield from _scope_faults(values.get("scope", ""), standalone=launch is None, syntax=syntax)
    if not re.fullmatch(r"[A-Za-z0-9_-]{43}", values.get("code_challenge", "")):
        yield "code_challenge is no unpadded base64url SHA-256"
    if len(values.get("state", "")) * 6 < _STATE_BITS:
        yield "state holds too little randomness"


def _scope_faults(scope: str, *, standalone: bool, syntax: str) -> Iterator[str]:
    asked = scope.split(" ")
    needed, foreign = ("launch/patient", "launch") if standalone else ("launch", "launch/patient")
    if needed not in asked:
        yield f"scope {needed} is missing"
    if foreign in asked:
        yield f"scope {foreign} has no place here"
    known = {needed, "openid", "fhirUser", "online_access", "offline_access"}
    resource = re.compile(rf"(patient|user|system)/(\*|[A-Z][A-Za-z]+)\.({_ACTIONS[syntax]})")
    yield from (
        f"scope {each} is not {syntax}" for each in asked if each not in known and not resource.fullmatch(each)
    )
    if len(set(asked)) != len(asked):
        yield "a scope is asked for twice"


def verifier_faults(verifier: str, challenge: str) -> Iterator[str]:
    """RFC 7636 4.1 and 4.6."""
    if not re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier):
        yield "code_verifier has not the form of RFC 7636"
    digest = hashlib.sha256(verifier.encode()).digest()
    if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != challenge:
        yield "code_verifier is not the one behind the challenge"


def authentication_fields(client: Registered) -> frozenset[str]:
    """The form fields by which this kind of client says who it is."""
    return _AUTHENTICATION_FIELDS[client.authentication]


def authentication_faults(
    values: Mapping[str, str],
    header: str | None,
    client: Registered,
    *,
    audience: str,
    now: datetime,
    seen: set[str],
) -> Iterator[str]:
    """How the client proves itself at the token endpoint `audience`; `seen` are the assertions' ids so far."""
    basic = base64.b64encode(f"{client.client_id}:{client.secret}".encode()).decode()
    wanted = f"Basic {basic}" if client.authentication == "symmetric" else None
    if header != wanted:
        yield "the Authorization header is wrong"
    if client.authentication == "public" and values.get("client_id") != client.client_id:
        yield "client_id is wrong"
    if client.authentication == "asymmetric":
        if values.get("client_assertion_type") != ASSERTION_TYPE:
            yield "client_assertion_type is wrong"
        yield from assertion_faults(
            values.get("client_assertion", ""), client, audience=audience, now=now, seen=seen
        )


def assertion_faults(
    assertion: str, client: Registered, *, audience: str, now: datetime, seen: set[str]
) -> Iterator[str]:
    """A client's JWT, against the key set that the client publishes."""
    try:
        header = jws.extract_compact(assertion.encode()).headers()
    except (JoseError, ValueError):
        yield "the assertion is no signed JWT"
        return
    yield from _header_faults(header, client)
    keys = client.jwks().get("keys", [])
    yield from ("the key set holds a private member" for key in keys if _PRIVATE_MEMBERS & key.keys())
    fitting = [key for key in keys if key.get("kid") == header.get("kid")]
    if len(fitting) != 1:
        yield f"{len(fitting)} published keys have this kid"
        return
    try:
        claims = jwt.decode(assertion, import_key(fitting[0]), algorithms=[client.alg]).claims
    except (JoseError, ValueError):
        yield "the signature is not that of the published key"
        return
    yield from _claim_faults(claims, client, audience=audience, now=int(now.timestamp()), seen=seen)


def _header_faults(header: Mapping[str, Any], client: Registered) -> Iterator[str]:
    if header.get("alg") != client.alg:
        yield "alg is not the registered one"
    if header.get("typ") != "JWT":
        yield "typ is not JWT"
    if not header.get("kid"):
        yield "kid is missing"
    yield from (f"header {name} does not belong here" for name in header.keys() - {"alg", "typ", "kid", "jku"})


def _claim_faults(
    claims: Mapping[str, Any], client: Registered, *, audience: str, now: int, seen: set[str]
) -> Iterator[str]:
    yield from parameter_faults(
        [(name, "") for name in claims], {"iss", "sub", "aud", "exp", "jti"}, frozenset({"iat", "nbf"})
    )
    expected = {"iss": client.client_id, "sub": client.client_id, "aud": audience}
    yield from (f"claim {name} is wrong" for name, value in expected.items() if claims.get(name) != value)
    expires, issued, jti = claims.get("exp"), claims.get("iat", now), claims.get("jti")
    if not isinstance(expires, int) or not now < expires <= now + _ASSERTION_SECONDS:
        yield "exp is past or more than five minutes ahead"
    elif not isinstance(issued, int) or issued > now or expires - issued > _ASSERTION_SECONDS:
        yield "iat lies ahead or more than five minutes before exp"
    if not isinstance(jti, str) or not jti or jti in seen:
        yield "jti is missing or was used before"
    else:
        seen.add(jti)
