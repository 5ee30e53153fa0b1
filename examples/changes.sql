-- New customers come from a file; every change is one transaction at the database.
INSERT INTO shop.public.customers SELECT id, name, country FROM files.public.new_customers;
UPDATE shop.public.customers SET country = 'JP' WHERE name = 'Hana';
DELETE FROM shop.public.customers WHERE country = 'US';
SELECT * FROM shop.public.customers ORDER BY id;
DELETE FROM shop.public.customers WHERE id > 3;
