"""HL7 v2 over MLLP: frames, connections to a peer, a listener. What messages mean is told elsewhere."""
