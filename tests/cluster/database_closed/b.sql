-- From here on somebody is in it.
ALTER DATABASE there IS_TEMPLATE true ALLOW_CONNECTIONS false;
