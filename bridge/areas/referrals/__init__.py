"""Outbound referrals: that somebody was referred, or meant to be; never what came of it."""
