-- The next three days of each customer's orders, with the interval that should hold 95 of 100 outcomes.
SELECT customer_id, day, round(forecast, 2) AS forecast, round(lower_95, 2) AS lower_95, round(upper_95, 2) AS upper_95
FROM FORECAST((SELECT customer_id, day, sum(amount) AS amount FROM shop.public.orders GROUP BY customer_id, day),
  timestamp_col => 'day', data_col => 'amount', id_cols => ['customer_id'], horizon => 3, model => 'theta')
ORDER BY customer_id, day;

-- Days that are unlike the days before.
SELECT day, value, round(anomaly_probability, 3) AS probability
FROM DETECT_ANOMALIES((SELECT day, sum(amount) AS amount FROM shop.public.orders GROUP BY day),
  timestamp_col => 'day', data_col => 'amount', method => 'forecast', anomaly_prob_threshold => 0.9)
WHERE is_anomaly ORDER BY day;
