-- Sub-queries as values, and functions of Postgres.
SELECT c.name, EXISTS (SELECT 1 FROM shop.public.orders o WHERE o.customer_id = c.id AND o.amount > 1249) AS large,
  mod(c.id, 2) AS odd, format('%s (%s)', c.name, c.country) AS label
FROM shop.public.customers c WHERE (c.country, c.name) IN (('AT', 'Ada'), ('SE', 'Björn')) ORDER BY c.id
FETCH FIRST 3 ROWS ONLY;

-- The last orders of each customer as a list.
SELECT c.name, ARRAY(SELECT o.id FROM shop.public.orders o WHERE o.customer_id = c.id AND o.amount > 1245 ORDER BY o.id) AS last
FROM shop.public.customers c ORDER BY c.id;
