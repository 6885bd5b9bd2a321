"""What travels on the bus: the CloudEvents envelope, requests, events, and their schemas."""
