"""What a site configures: settings from the environment, the EHR registry, every problem at once."""
