-- Wake-ups and nothing else: two event triggers that say on the channel pg_gitversion that the
-- schema is about to change, and keep no record of it. What they say is a hint, never a fact.
-- Runs as one transaction of whoever may create event triggers. Take it out with
--     DROP EVENT TRIGGER pgdrift_notify_ddl_trigger;
--     DROP EVENT TRIGGER pgdrift_notify_drop_trigger;
--     DROP SCHEMA pgdrift_notify CASCADE;

CREATE SCHEMA pgdrift_notify;
COMMENT ON SCHEMA pgdrift_notify IS 'pgdrift_notify 1.0: wakes pgdrift when the schema changes';

-- It runs as whoever changes the schema, who needs no right for that. Whatever goes wrong in it is
-- nothing to them: a wake-up that is lost costs one interval.
CREATE FUNCTION pgdrift_notify.tell() RETURNS event_trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $tell$
DECLARE
    asked text := coalesce(current_setting('pgdrift.notify', true), '');
    touched text[];
    shown text[] := '{}';
    room int := 1000;
BEGIN
    -- A transaction that has sent a NOTIFY cannot be prepared for two-phase commit, so where that
    -- is possible nothing is sent unless somebody asks: ALTER DATABASE … SET pgdrift.notify = on.
    -- A NOTIFY that finds the queue full fails at COMMIT, where nobody could catch it.
    IF asked = 'off'
        OR asked <> 'on' AND current_setting('max_prepared_transactions') <> '0'
        OR pg_notification_queue_usage() > 0.5
    THEN
        RETURN;
    END IF;
    IF tg_event = 'sql_drop' THEN
        SELECT array_agg(DISTINCT d.object_type || ' ' || d.object_identity) INTO touched
        FROM pg_event_trigger_dropped_objects() d
        WHERE d.original AND NOT d.is_temporary;
    ELSE
        SELECT array_agg(DISTINCT lower(c.object_type) || coalesce(' ' || c.object_identity, ''))
        INTO touched
        FROM pg_event_trigger_ddl_commands() c
        WHERE c.schema_name IS DISTINCT FROM 'pg_temp';
    END IF;
    IF touched IS NULL THEN
        RETURN;
    END IF;
    -- In the order of their names, as many as there is room for.
    FOR i IN 1 .. cardinality(touched) LOOP
        room := room - octet_length(to_json(touched[i])::text) - 2;
        EXIT WHEN room < 0;
        shown := shown || touched[i];
    END LOOP;
    PERFORM pg_notify(
        'pg_gitversion',
        json_build_object(
            'v', 1,
            'tag', tg_tag,
            'objects', shown,
            'more', cardinality(touched) - cardinality(shown),
            'by', session_user,
            'application', current_setting('application_name')
        )::text
    );
EXCEPTION WHEN OTHERS THEN
    NULL;
END
$tell$;

CREATE EVENT TRIGGER pgdrift_notify_ddl_trigger ON ddl_command_end
    EXECUTE FUNCTION pgdrift_notify.tell();
CREATE EVENT TRIGGER pgdrift_notify_drop_trigger ON sql_drop
    EXECUTE FUNCTION pgdrift_notify.tell();
-- Also in sessions that replay what others did, where ordinary triggers are silent.
ALTER EVENT TRIGGER pgdrift_notify_ddl_trigger ENABLE ALWAYS;
ALTER EVENT TRIGGER pgdrift_notify_drop_trigger ENABLE ALWAYS;
