"""The bus on NATS JetStream, and a NATS server of our own."""
