-- One row for each customer: names and orders from Postgres, visits from ClickHouse, tickets from MongoDB, points from Redis, and
-- what a tier gives from a Parquet file.
SELECT c.name, o.spent, v.visits, coalesce(t.open, 0) AS open_tickets, l.tier, round(o.spent * d.percent / 100, 2) AS discount
FROM shop.public.customers c
JOIN (SELECT customer_id, sum(amount) AS spent FROM shop.public.orders GROUP BY 1) o ON o.customer_id = c.id
JOIN (SELECT customer_id, count(*) AS visits FROM web.shop.visits WHERE page = 'cart' GROUP BY 1) v ON v.customer_id = c.id
LEFT JOIN (SELECT customer_id, count(*) AS open FROM support.shop.tickets WHERE state = 'open' GROUP BY 1) t
  ON t.customer_id = c.id
JOIN cache.public.loyalty l ON l.customer_id = c.id
JOIN files.public.tiers d ON d.tier = l.tier
ORDER BY c.name;
