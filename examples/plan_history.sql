-- The plans of a statement are remembered without its constants; a slower one would be reverted.
SELECT count(*) FROM shop.public.orders WHERE customer_id = 2;
SELECT count(*) FROM shop.public.orders WHERE customer_id = 3;
SELECT statement, state, kept, runs FROM system.plan_history WHERE statement LIKE '%orders%';
SELECT count(*) AS events FROM system.plan_events;
SET optimizer.plan_guard = off;
SHOW optimizer.plan_guard;
