CREATE TABLE visits (customer_id Int32, page LowCardinality(String), seconds UInt32) ENGINE = MergeTree ORDER BY customer_id;
INSERT INTO visits SELECT 1 + number % 3, if(number % 5 = 0, 'cart', 'home'), number % 90 FROM numbers(3000);
