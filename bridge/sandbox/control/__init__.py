"""Steering a sandbox: faults, storms, what each server saw."""
