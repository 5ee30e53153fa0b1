-- The two largest orders of each customer.
SELECT c.name, o.id, o.amount
FROM shop.public.customers c,
     LATERAL (SELECT id, amount FROM shop.public.orders o WHERE o.customer_id = c.id ORDER BY amount DESC LIMIT 2) o
ORDER BY c.name, o.amount DESC;

-- The last order of each customer, and how many orders are larger.
SELECT name, last, (SELECT count(*) FROM shop.public.orders o WHERE o.amount > l.last) AS larger
FROM (SELECT name, (SELECT amount FROM shop.public.orders o WHERE o.customer_id = c.id ORDER BY id DESC LIMIT 1) AS last
      FROM shop.public.customers c) l
ORDER BY name;
