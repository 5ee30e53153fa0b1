-- The mean of each sensor in buckets of three hours, and how many readings are missing.
SELECT date_bin(INTERVAL '3 hours', at) AS bucket, sensor, round(avg(value), 2) AS mean, count(*) - count(value) AS missing
FROM shop.public.readings GROUP BY 1, 2 ORDER BY 1, 2;
