-- The running sum of the first orders of one customer.
SELECT id, amount, sum(amount) OVER (ORDER BY id) AS running FROM shop.public.orders WHERE customer_id = 2 AND id < 20 ORDER BY id;

-- The latest order of each customer.
SELECT customer_id, id, day FROM shop.public.orders
QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY day DESC, id DESC) = 1 ORDER BY customer_id;
