"""The SMART App Launch client: from `iss` and `launch` to a token and a patient in context (IG 2.2).

Owns the EHR registry, discovery, authorization, tokens, id_token and the client's signing keys.
Knows nothing clinical and keeps nothing: what must survive a request goes through `PendingLaunches`
and `KeyStore`, which the composition root implements.
"""
