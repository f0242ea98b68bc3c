"""Where files come from: folders, SFTP accounts."""
