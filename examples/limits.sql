-- A session lowers a limit for itself.
SET limits.result_rows = 5;
SELECT name, value FROM system.settings WHERE name = 'limits.result_rows';
SELECT name, kind, state, tables FROM system.sources ORDER BY name;
