"""Who we are and whom we trust: certificates, keys and passwords in files, read again when they change."""
