"""Runs the migrations of two of Django's own apps: `python migrate_django.py`.

The database is named by PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE.
"""

import os

import django
from django.conf import settings
from django.core.management import call_command

names = {"HOST": "PGHOST", "PORT": "PGPORT", "USER": "PGUSER", "PASSWORD": "PGPASSWORD"}
database = {key: os.environ[name] for key, name in names.items()}
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ["PGDATABASE"],
            **database,
        }
    },
    USE_TZ=True,
)
django.setup()
call_command("migrate", verbosity=0)
