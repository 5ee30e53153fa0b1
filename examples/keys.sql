-- A small file decides which rows are read of a large table: its keys become a filter of the statement.
SET datafusion.explain.physical_plan_only = true;
EXPLAIN SELECT o.id, o.amount FROM files.public.picked p JOIN shop.public.orders o ON o.id = p.id;
