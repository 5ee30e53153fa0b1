-- The texts in brackets are what the database is asked.
SET datafusion.explain.physical_plan_only = true;
EXPLAIN SELECT count(*) FROM shop.public.orders;
EXPLAIN SELECT id FROM shop.public.orders WHERE amount > 1000 AND day >= DATE '2025-01-10' LIMIT 3;
