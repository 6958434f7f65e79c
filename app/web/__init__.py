"""What every answer shares: errors, headers, rate limits, health."""
