db.tickets.insertMany([
  { "_id": 1, "customer_id": 1, "state": "open", "about": { "order": 17, "topics": ["delivery", "refund"] } },
  { "_id": 2, "customer_id": 2, "state": "closed", "about": { "order": 40, "topics": ["invoice"] } },
  { "_id": 3, "customer_id": 1, "state": "open", "about": { "order": 98, "topics": [] } },
  { "_id": 4, "customer_id": 3, "state": "open" },
  { "_id": 5, "customer_id": 2, "state": null }
]);
