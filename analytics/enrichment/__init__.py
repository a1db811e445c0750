"""What the service adds to an event from what the event says."""
