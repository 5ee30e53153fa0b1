CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, country text);
INSERT INTO customers VALUES (1, 'Ada', 'AT'), (2, 'Björn', 'SE'), (3, 'Chiara', NULL);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int REFERENCES customers, amount numeric(10,2) NOT NULL, day date NOT NULL);
INSERT INTO orders SELECT i, 1 + i % 3, i * 1.25, DATE '2025-01-01' + i % 28 FROM generate_series(1, 1000) i;
CREATE TABLE readings (sensor text, at timestamptz, value double precision);
INSERT INTO readings SELECT 's' || i % 2, TIMESTAMPTZ '2025-01-01 00:00Z' + i * INTERVAL '10 minutes', CASE WHEN i % 7 > 0 THEN i / 4.0 END FROM generate_series(0, 59) i;
ANALYZE;
