"""How the digits of a laboratory value are written, on page and card alike."""


def mg_dl_digits(mg_dl: float) -> str:
    """A creatinine as laboratories report it: 0.3, 1.0, 0.85. One decimal at least, two at most, none invented."""
    return f"{mg_dl:.2f}".removesuffix("0")
