"""What rests on disk: database, tables, encryption, keys, backup, migrations."""
