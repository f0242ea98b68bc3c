"""HTTP with retry, pacing and auth as wrappers; SFTP sessions."""
