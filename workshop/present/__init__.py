"""From the model to words, cells, tables, documents and handouts. Pure: no colour library, no files, no network."""
