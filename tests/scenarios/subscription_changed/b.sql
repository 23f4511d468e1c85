CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=1 password=hunter2' PUBLICATION q, p
    WITH (connect = false, slot_name = 'other');
ALTER SUBSCRIPTION s ENABLE;
