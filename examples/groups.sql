-- Sums for each customer, for each country and for all. The database computes every set of groups in one statement.
SELECT c.country, c.name, count(*) AS orders, sum(o.amount) AS amount, grouping(c.country, c.name) AS level
FROM shop.public.orders o JOIN shop.public.customers c ON o.customer_id = c.id
GROUP BY ROLLUP (c.country, c.name) ORDER BY level, country NULLS LAST, name;

-- The largest order of each customer, as one row of it.
SELECT DISTINCT ON (customer_id) customer_id, id, amount FROM shop.public.orders ORDER BY customer_id, amount DESC;
