"""What others may call: for now the receiver of webhooks, without pages."""
