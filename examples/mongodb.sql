-- Grouped by the server: only the groups come over the network.
SELECT customer_id, count(*) AS open FROM support.shop.tickets WHERE state = 'open' GROUP BY 1 ORDER BY 1;

-- SQL's rules for nulls: <> finds neither a null nor a missing field.
SELECT _id, state FROM support.shop.tickets WHERE state <> 'open' ORDER BY 1;

-- Fields of documents inside documents, and arrays.
SELECT _id, about['order'] AS "order", cardinality(about['topics']) AS topics
FROM support.shop.tickets WHERE about['order'] > 20 ORDER BY 1;

-- What the sample says of the columns.
SELECT path, type, sampled_rows FROM system.inferred_schemas WHERE name = 'tickets' ORDER BY path;

-- A whole document, with the type of each value.
SELECT _doc FROM support.shop.tickets WHERE _id = 4;
