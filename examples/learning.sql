-- What a query has shown corrects the estimates of the next one; a session can do without.
SELECT id, amount FROM shop.public.orders WHERE customer_id = 2 AND id < 9 ORDER BY id;
SELECT source, name, runs, actual_rows, q_error >= 1 AS wrong_by FROM system.estimate_corrections;
SELECT source, statements, used FROM system.source_costs;
SET optimizer.learning = off;
SHOW optimizer.learning;
