"""What an EHR's list of scopes says about one scope, in either syntax (SL-16, SL-25)."""


def lists(supported: frozenset[str], scope: str) -> bool:
    """Whether the list holds the scope, or a wider one of the same context."""
    context, slash, rest = scope.partition("/")
    if scope in supported or not slash:
        return scope in supported
    resource, _, access = rest.partition(".")
    return any(_widens(each, context, resource, access) for each in supported)


def lists_resources(supported: frozenset[str]) -> bool:
    """Whether the list speaks of resources at all: some EHRs name only `openid` and its like there."""
    return any("." in scope.partition("/")[2] for scope in supported)


def _widens(supported: str, context: str, resource: str, access: str) -> bool:
    theirs, _, rest = supported.partition("?")[0].partition("/")
    name, _, letters = rest.partition(".")
    if theirs != context or name not in ("*", resource):
        return False
    return letters in ("*", access) or (access.isalpha() and access != "read" and set(access) <= set(letters))
