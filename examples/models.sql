-- A model of the amount of an order, trained on the orders themselves.
CREATE MODEL amount OPTIONS (target = 'amount', algorithm = 'boosting', params = 'rounds = 20, rows_min = 1', folds = 2) AS
SELECT customer_id, day, amount FROM shop.public.orders;

-- What it predicts, and what it was.
SELECT customer_id, predicted_amount > 0 AS plausible, count(*) AS orders
FROM ML_PREDICT(MODEL => 'amount', TABLE shop.public.orders) GROUP BY 1, 2 ORDER BY 1;

-- Its versions.
SELECT version, is_default, algorithm, rows FROM system.model_versions;
