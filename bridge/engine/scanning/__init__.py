"""Malware scanning of documents, by clamd or by a server that speaks ICAP."""

from bridge.engine.scanning.scanner import DocumentScan, Scanner

__all__ = ["DocumentScan", "Scanner"]
