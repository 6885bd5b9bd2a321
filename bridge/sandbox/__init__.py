"""A stand-in for PDS, SDS, the proxy and a GP practice, as real HTTP servers."""
