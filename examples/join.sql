-- Customers and orders from Postgres, the names of countries from a CSV file.
SELECT c.name, coalesce(k.title, 'unknown') AS country, count(*) AS orders, sum(o.amount) AS spent
FROM shop.public.orders o
JOIN shop.public.customers c ON c.id = o.customer_id
LEFT JOIN files.public.countries k ON k.code = c.country
GROUP BY 1, 2 ORDER BY spent DESC;

-- Countries without a customer.
SELECT title FROM files.public.countries
WHERE code NOT IN (SELECT country FROM shop.public.customers WHERE country IS NOT NULL);
