"""Strict, stateful local stand-ins for marketplaces and the SFTP drop."""
