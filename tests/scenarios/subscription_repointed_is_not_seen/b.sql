CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=2 password=hunter2' PUBLICATION p
    WITH (connect = false);
