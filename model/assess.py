"""The one question everybody asks: `assess(snapshot)`."""
