"""PDS, SDS, the Spine Secure Proxy and the tokens, as the sandbox stands in for them."""
