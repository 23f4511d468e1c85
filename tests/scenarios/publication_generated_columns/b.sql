CREATE PUBLICATION p WITH (publish_generated_columns = stored);
