"""What readers, reports and batches share about file formats: layouts, strict writers, cell neutralising."""
