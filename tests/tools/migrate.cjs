// Runs migrations with one tool, as its users do: `node migrate.cjs TOOL FOLDER`. One of them waits
// for the advisory lock WAITS_FOR, so that a test can look while the tool is at work.
// The database is named by PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE.
const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');

const host = process.env.PGHOST;
const connection = {
  host,
  port: Number(process.env.PGPORT),
  user: process.env.PGUSER,
  password: process.env.PGPASSWORD,
  database: process.env.PGDATABASE,
};

const init = 'create table a (id int)';
const more = `select pg_advisory_xact_lock(${process.env.WAITS_FOR}); create table b (id int)`;

const tools = {
  async knex(folder) {
    fs.writeFileSync(path.join(folder, '1_more.js'), up(more));
    fs.writeFileSync(path.join(folder, '2_init.js'), up(init));
    const knex = require('knex')({ client: 'pg', connection });
    await knex.migrate.latest({ directory: folder });
    await knex.destroy();
  },

  async typeorm() {
    require('reflect-metadata');
    const { DataSource } = require('typeorm');
    class Init1700000000000 {
      name = 'Init1700000000000';
      up(runner) { return runner.query(init); }
      down() {}
    }
    class More1700000000001 {
      name = 'More1700000000001';
      up(runner) { return runner.query(more); }
      down() {}
    }
    const { user: username, ...rest } = connection;
    const source = new DataSource({
      type: 'postgres', username, ...rest, migrations: [Init1700000000000, More1700000000001],
    });
    await source.initialize();
    await source.runMigrations();
    await source.destroy();
  },

  async drizzle(folder) {
    fs.mkdirSync(path.join(folder, 'meta'));
    const entries = [init, more].map((sql, idx) => {
      fs.writeFileSync(path.join(folder, `000${idx}_step.sql`), sql);
      return { idx, version: '7', when: 1700000000000 + idx, tag: `000${idx}_step`, breakpoints: true };
    });
    const journal = { version: '7', dialect: 'postgresql', entries };
    fs.writeFileSync(path.join(folder, 'meta', '_journal.json'), JSON.stringify(journal));
    const { Pool } = require('pg');
    const pool = new Pool(connection);
    const { drizzle } = require('drizzle-orm/node-postgres');
    const { migrate } = require('drizzle-orm/node-postgres/migrator');
    await migrate(drizzle(pool), { migrationsFolder: folder });
    await pool.end();
  },

  async sequelize() {
    const { Sequelize } = require('sequelize');
    const { Umzug, SequelizeStorage } = require('umzug');
    const { user: username, ...rest } = connection;
    const sequelize = new Sequelize({ dialect: 'postgres', username, ...rest, logging: false });
    const step = (name, sql) => ({ name, up: () => sequelize.query(sql), down() {} });
    const migrations = [step('1-init.js', init), step('2-more.js', more)];
    await new Umzug({ migrations, storage: new SequelizeStorage({ sequelize }) }).up();
    await sequelize.close();
  },

  async 'node-pg-migrate'(folder) {
    fs.writeFileSync(path.join(folder, '1700000000000_init.sql'), init);
    fs.writeFileSync(path.join(folder, '1700000000001_more.sql'), more);
    const { runner } = await import(pathToFileURL(require.resolve('node-pg-migrate')));
    await runner({
      databaseUrl: connection, dir: folder, direction: 'up', migrationsTable: 'pgmigrations', log() {},
    });
  },

  // The engine that Prisma's command line runs, without that command line.
  async prisma() {
    const engine = await schemaEngine();
    const filters = { externalTables: [], externalEnums: [] };
    const apply = (scripts) => engine.applyMigrations({ migrationsList: written(scripts), filters });
    const broken = 'select 1/0';
    await fails(apply({ '1_init': init, '2_more': broken }));
    await engine.markMigrationRolledBack({ migrationName: '2_more' });
    await apply({ '1_init': init, '2_more': more });
    await fails(apply({ '1_init': init, '2_more': more, '3_broken': broken }));
    process.exit(0); // the engine closes no pool
  },
};

function up(sql) {
  return `exports.up = (knex) => knex.raw(${JSON.stringify(sql)}); exports.down = () => {};\n`;
}

async function schemaEngine() {
  const place = require.resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const engine = await import(pathToFileURL(place));
  const bytes = fs.readFileSync(place.replace(/\.js$/, '.wasm'));
  const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': engine });
  engine.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  const { PrismaPg } = require('@prisma/adapter-pg');
  const { bindMigrationAwareSqlAdapterFactory } = require('@prisma/driver-adapter-utils');
  const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg(connection));
  const datamodels = [['schema.prisma', 'datasource db {\n  provider = "postgresql"\n}\n']];
  return engine.SchemaEngine.new({ datamodels }, () => {}, adapter);
}

function written(scripts) {
  const migrationDirectories = Object.entries(scripts).map(([folder, value]) => ({
    path: folder, migrationFile: { path: 'migration.sql', content: { tag: 'ok', value } },
  }));
  const lockfile = { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' };
  return { baseDir: '', lockfile, shadowDbInitScript: '', migrationDirectories };
}

async function fails(promise) {
  await promise.then(() => { throw new Error('it did not fail'); }, () => {});
}

tools[process.argv[2]](process.argv[3]).catch((error) => {
  console.error(error);
  process.exit(1);
});
